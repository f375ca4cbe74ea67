"""An answer that a policy cannot hold whole is an error, never a wait without end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sluicegate.journey.dispatch.model.sealing import sealed
from support.loops import run
from support.model_calls import deployments, model_world
from support.scripted_provider import answer

HELD = {"json": {"response": {"set": {"/x": 1}}, "max_size": 100}}
LONG = b'{"error":{"message":"' + b"x" * 500 + b'"}}'


@pytest.mark.parametrize("what", ["native", "stored", "stream"])
def test_what_is_too_large_to_hold_is_answered_with_502(tmp_path: Path, what: str) -> None:
    async def work() -> None:
        route = {"match": {"path": "/**"}, "ai": {"proxy": ["chat"]}, "policies": [HELD]}
        models = {"e": deployments("chat"), "scenario-text": deployments("gemini", "responses")}
        async with model_world(tmp_path, models, routes={"ai": route}) as world:
            world.provider.play("e", answer(400, LONG))
            assert world.plane.inner.snapshot is not None
            link = world.plane.inner.snapshot.providers["responses"]
            turns = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
            array = "/v1beta/models/scenario-text:streamGenerateContent"
            asked = {
                "native": ("POST", "/proxy/chat/chat/completions", {"model": "e"}),
                "stored": ("GET", "/v1/responses/" + sealed("r" * 300, "", link), None),
                "stream": ("POST", array, turns),
            }[what]
            async with asyncio.timeout(5):
                got = await world.ask(*asked)
            assert got.status == 502
            assert world.in_flight == 0

    run(work())


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_an_answer_without_choices_is_an_error_in_every_dialect(tmp_path: Path, path: str) -> None:
    async def work() -> None:
        async with model_world(tmp_path, {"e": deployments("chat", attempts=1)}) as world:
            world.provider.play("e", answer(200, b'{"id":"x","choices":[],"created":1}'))
            turns = [{"role": "user", "content": "x"}]
            sort = {"messages": turns, "max_tokens": 5} if "mess" in path else {"input": turns}
            async with asyncio.timeout(5):
                got = await world.ask("POST", path, {"model": "e", **sort})
            assert got.status == 502
            assert world.in_flight == 0

    run(work())
