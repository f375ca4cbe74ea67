"""The first token may take longer than the others, also where the head came at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support.loops import run
from support.model_calls import deployments, model_world
from support.scripted_provider import slow


@pytest.mark.parametrize(("waited_s", "status"), [(45, 200), (62, 504)])
def test_a_first_token_has_its_own_time(tmp_path: Path, waited_s: int, status: int) -> None:
    gate = asyncio.Event()

    async def work() -> None:
        async with model_world(tmp_path, {"m": deployments("chat", attempts=1)}) as world:
            world.provider.play("m", slow(gate))
            asking = asyncio.ensure_future(world.chat("m", stream=True))
            await world.until(lambda: world.provider.calls)
            await asyncio.sleep(0.05)
            for _ in range(waited_s * 2):
                world.clock.advance(0.5)
                await asyncio.sleep(0.001)
            gate.set()
            assert (await asking).status == status

    run(work())
