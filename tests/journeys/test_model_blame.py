"""What is the caller's own doing makes no deployment rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.loops import run
from support.model_calls import ASKED, ModelWorld, deployments, model_world
from support.scripted_provider import answer, silence

ALONE = {"m": deployments("chat", attempts=1)}
VECTOR = (
    b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1]}],"model":"m"}'
)


def nobody_rests(world: ModelWorld) -> bool:
    return all(each.available for each in world.deployments)


@pytest.mark.parametrize("stream", [False, True])
def test_a_time_that_the_caller_has_set_is_no_failure_of_the_provider(
    tmp_path: Path, *, stream: bool
) -> None:
    async def work() -> None:
        policies = [{"model_overrides": {"allow": ["timeout"]}}]
        route = {"match": {"path": "/**"}, "ai": {}, "policies": policies}
        async with model_world(tmp_path, ALONE, routes={"ai": route}) as world:
            world.provider.play("m", silence())
            body = {"model": "m", "messages": ASKED, "stream": stream}
            for _ in range(4):
                world.provider.calls.clear()
                asking = world.ask("POST", "/v1/chat/completions", body, sluicegate_timeout="1s")
                assert (await world.later(asking, 5)).status == 504
            assert nobody_rests(world)

    run(work())


def test_embeddings_are_no_stream_whatever_the_caller_asks_for(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path, ALONE) as world:
            world.provider.play("m", answer(200, VECTOR))
            body = {"model": "m", "input": "x", "stream": True}
            for _ in range(4):
                assert (await world.ask("POST", "/v1/embeddings", body)).status == 200
            assert nobody_rests(world)

    run(work())
