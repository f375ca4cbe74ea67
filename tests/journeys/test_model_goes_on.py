"""What a call goes on with is the caller's own, whether or not its answer is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.loops import run
from support.model_calls import data_of, deployments, model_world

MODELS = {"m": deployments("responses", model="scenario-text")}
PATH = "/v1/responses"
MIXED = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "anthropic:c2ln"},
    {"type": "message", "role": "user", "content": "x"},
]


@pytest.mark.parametrize("ai", [{}, {"continue_streams": True}])
@pytest.mark.parametrize("asked", ["x", MIXED])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("store", [False, True])
def test_nobody_goes_on_with_an_object_of_others(
    tmp_path: Path, ai: dict[str, Any], asked: Any, *, stream: bool, store: bool
) -> None:
    async def work() -> None:
        async with model_world(tmp_path, MODELS, ai=ai) as world:
            call = {"model": "m", "input": asked, "store": store, "stream": stream}
            got = await world.ask("POST", PATH, call | {"previous_response_id": "resp_of_another"})
            assert got.status == 404
            assert not world.provider.calls
            own = json.loads((await world.ask("POST", PATH, {"model": "m", "input": "x"})).body)
            got = await world.ask("POST", PATH, call | {"previous_response_id": own["id"]})
            sent = world.provider.calls[-1].content["previous_response_id"]
            assert sent == own["id"].partition(".")[0]

    run(work())


def test_a_kept_answer_is_streamed_as_such_where_others_are_continued(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path, MODELS, ai={"continue_streams": True}) as world:
            got = await world.ask("POST", PATH, {"model": "m", "input": "x", "stream": True})
            first = json.loads(data_of(got)[0])["response"]["id"]
            assert "store" not in world.provider.calls[-1].content
            again = {"model": "m", "input": "x", "previous_response_id": first}
            assert (await world.ask("POST", PATH, again)).status == 200

    run(work())
