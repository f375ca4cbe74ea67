"""What calls of models share: dialects, passages, who may be asked, and what is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sluicegate.journey.dispatch.model.dispatch import keeps
from sluicegate.llm.call import ModelCall
from sluicegate.llm.endpoint import Endpoint
from support.loops import run
from support.model_calls import ModelWorld, deployments, model_world
from support.scripted_provider import error, golden


def in_world(folder: Path, work: Any, models: dict[str, Any] | None = None, **more: Any) -> None:
    async def inner() -> None:
        async with model_world(folder, models, **more) as world:
            await work(world)

    run(inner())


@pytest.mark.parametrize(
    ("dialect", "store", "wanted"),
    [
        ("openai_responses", None, True),
        ("openai_responses", b"null", True),
        ("openai_responses", b"false", False),
        ("openai_responses", b'"odd"', True),
        ("openai_chat", None, False),
        ("openai_chat", b"true", True),
        ("openai_chat", b"null", False),
        ("anthropic_messages", b"true", False),
    ],
)
def test_what_is_kept_is_what_the_vendor_keeps(
    dialect: str, store: bytes | None, *, wanted: bool
) -> None:
    call = ModelCall(Endpoint("call", dialect), "m")
    call.fields = {} if store is None else {"store": msgspec.Raw(store)}
    assert keeps(call) is wanted


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": "x"}),
        ("/v1/completions", {"prompt": "x"}),
        ("/v1/messages/count_tokens", {"messages": []}),
    ],
)
def test_what_is_no_chat_goes_only_to_who_speaks_it(
    tmp_path: Path, path: str, body: dict[str, Any]
) -> None:
    async def work(world: ModelWorld) -> None:
        got = await world.ask("POST", path, body | {"model": "m"})
        assert got.status == 400
        assert "does not speak" in json.loads(got.body)["error"]["message"]
        assert world.provider.calls == []

    in_world(tmp_path, work, {"m": deployments("responses")})


def test_calls_first_tokens_and_tokens_are_counted(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        for stream in (False, True):
            assert (await world.chat("scenario-cached", stream=stream)).status == 200
        counted = world.plane.counted
        assert counted("sluicegate_model_calls_total", "*", "ok") == 2
        assert counted("sluicegate_model_calls_total", "*", "chat/*") == 2
        for kind, count in (("input", 2000), ("cached", 1600), ("output", 10)):
            assert counted("sluicegate_model_tokens_total", "*", kind) == count

    in_world(tmp_path, work)


def test_failures_are_counted_by_what_went_wrong(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", error("rate_limited", {"retry-after-ms": "60000"}))
        assert (await world.chat("m")).status == 429
        assert world.plane.counted("sluicegate_model_calls_total", "m", "rate_limited") == 1

    in_world(tmp_path, work, {"m": deployments("chat")})


def test_a_failed_model_of_an_asked_name_never_is_a_label(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        await world.chat("made-up-by-a-client")
        dumped = [
            value
            for dump in world.plane.inner.metrics.dump()
            for series in dump.series
            for value in series.values
        ]
        assert "made-up-by-a-client" not in " ".join(dumped)

    in_world(tmp_path, work)


def test_a_line_of_the_log_says_what_was_asked_of_whom_and_what_it_used(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        await world.chat("scenario-cached")
        line = world.plane.logs[-1]
        assert line["model"] == "scenario-cached"
        assert line["deployment"] == "chat/*"
        assert line["stream"] is False
        assert (line["input_tokens"], line["cached_tokens"], line["output_tokens"]) == (
            1000,
            800,
            5,
        )
        assert line["failure"] is None
        assert line["first_token_ms"] is not None

    in_world(tmp_path, work)


def test_the_deployment_that_a_caller_names_is_the_only_one_asked(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", golden("text"))
        body = {"model": "m", "messages": []}
        for _ in range(4):
            got = await world.ask(
                "POST", "/v1/chat/completions", body, sluicegate_deployment="other/m"
            )
            assert got.get("sluicegate-provider") == "other"

    allow = {"model_overrides": {"allow": ["deployment"]}}
    in_world(tmp_path, work, {"m": deployments("chat", "other")}, policies=[allow])
