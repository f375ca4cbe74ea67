"""A body whose announced length is too much is refused before any of it is sent."""

from __future__ import annotations

import asyncio
from pathlib import Path

from support.loops import run
from support.model_calls import deployments, model_world
from support.raw_http import ask

HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: ai.example\r\nExpect: 100-continue\r\n"
    b"Content-Length: 99999999999\r\n\r\n"
)


def test_what_is_announced_as_too_large_is_a_413_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path, {"m": deployments("chat")}) as world:
            said = await asyncio.wait_for(asyncio.to_thread(ask, world.plane.port, HEAD), 5)
            assert said.status == 413

    run(work())
