"""A chain of fallbacks is followed to the first model that can be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.loops import run
from support.model_calls import deployments, model_world
from support.scripted_provider import answer, error


@pytest.mark.parametrize("stream", [False, True])
def test_a_fallback_that_rests_is_passed_over(tmp_path: Path, *, stream: bool) -> None:
    async def work() -> None:
        models = {
            "a": deployments("chat", model="a", fallbacks=[{"model": "b"}, {"model": "c"}]),
            "b": deployments("other", model="b"),
            "c": deployments("anthropic", model="scenario-text"),
        }
        async with model_world(tmp_path, models) as world:
            world.provider.play("a", error("server_error"))
            world.provider.play("b", answer(429, b"{}", {"retry-after": "60"}))
            assert (await world.chat("b")).status == 429
            got = await world.chat("a", stream=stream)
            assert got.status == 200
            assert dict(got.headers)["sluicegate-provider"] == "anthropic"

    run(work())
