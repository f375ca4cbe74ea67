from __future__ import annotations

import json
from pathlib import Path

from support.loops import run
from support.model_calls import deployments, model_world
from support.scripted_provider import golden

MODELS = {
    "mine": deployments("chat", model="theirs"),
    "other": deployments("anthropic", model="claude"),
    "any/*": deployments("chat", model="vendor/*"),
}


def test_a_deployment_is_sent_its_own_name_of_the_model(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path, MODELS) as world:
            for name, theirs in (("mine", "theirs"), ("other", "claude"), ("any/x", "vendor/x")):
                world.provider.play(theirs, golden("text"))
                assert (await world.chat(name, max_tokens=5)).status == 200
                call = world.provider.calls[-1]
                assert call.model == theirs
                assert int(call.headers["content-length"]) == len(call.body)

    run(work())


def test_what_the_dialect_wants_in_the_head_is_there(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path, MODELS) as world:
            world.provider.play("claude", golden("text"))
            await world.chat("other", max_tokens=5, stream=True)
            (call,) = world.provider.calls
            assert call.dialect == "anthropic_messages"
            assert call.headers["anthropic-version"]
            assert json.loads(call.body)["stream"] is True

    run(work())


def test_nothing_of_a_caller_goes_on_that_is_not_asked_for(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path, MODELS) as world:
            world.provider.play("theirs", golden("text"))
            body = {"model": "mine", "messages": []}
            hidden = {"cookie": "a=b", "x_api_key": "of-the-client", "x_forwarded_for": "1.2.3.4"}
            await world.ask("POST", "/v1/chat/completions", body, **hidden)
            (call,) = world.provider.calls
            assert not {"cookie", "x-api-key", "x-forwarded-for"} & set(call.headers)

    run(work())
