"""Deployments are called until one answers; the caller sees one whole answer or one error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.llm_goldens import FOX
from support.loops import run
from support.model_calls import ModelWorld, data_of, deployments, model_world, said
from support.raw_http import Answer
from support.scripted_provider import answer, cut, error, golden, malformed, reset, unmarked
from support.upstreams import Upstream, answering, response


def in_world(folder: Path, work: Any, models: dict[str, Any] | None = None, **more: Any) -> None:
    async def inner() -> None:
        async with model_world(folder, models, **more) as world:
            await work(world)
            assert world.in_flight == 0

    run(inner())


def told(got: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(got.body)["error"]
    return found


def objects(got: Answer) -> list[dict[str, Any]]:
    return [json.loads(data) for data in data_of(got) if data.startswith("{")]


TWO = {"m": deployments("chat", "other")}
FALLS = {
    "m": deployments("chat", attempts=2, fallbacks=[{"model": "n"}]),
    "n": deployments("other"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "play", [error("rate_limited"), error("server_error"), error("overloaded"), reset(), cut(0)]
)
def test_before_the_first_token_a_failure_is_not_seen(
    tmp_path: Path, play: Any, *, stream: bool
) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", play, golden("text"))
        got = await world.chat("m", stream=stream)
        assert got.status == 200
        assert got.get("sluicegate-attempts") == "2"
        assert len(world.provider.calls) == 2
        text = said(got) if stream else json.loads(got.body)["choices"][0]["message"]["content"]
        assert text == FOX

    in_world(tmp_path, work, TWO)


@pytest.mark.parametrize("play", [malformed(), unmarked()])
def test_half_a_whole_answer_is_not_seen_either(tmp_path: Path, play: Any) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", play, golden("text"))
        assert json.loads((await world.chat("m")).body)["choices"][0]["message"]["content"] == FOX

    in_world(tmp_path, work, TWO)


def test_what_is_wrong_with_the_request_is_asked_of_nobody_else(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", error("invalid_request"), golden("text"))
        assert (await world.chat("m")).status == 400
        assert len(world.provider.calls) == 1

    in_world(tmp_path, work, TWO)


def test_another_model_answers_where_the_first_cannot(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", error("server_error"))
        world.provider.play("n", golden("text"))
        got = await world.chat("m")
        assert got.status == 200
        assert got.get("sluicegate-model") == "m"
        assert got.get("sluicegate-provider") == "other"
        assert [call.model for call in world.provider.calls] == ["m", "n"]
        assert world.plane.counted("sluicegate_model_fallbacks_total", "m", "n") == 1

    in_world(tmp_path, work, FALLS)


def test_where_all_have_failed_the_last_word_counts_in_the_callers_dialect(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", error("server_error"))
        world.provider.play("n", error("overloaded"))
        got = await world.chat("m")
        assert got.status == 503
        assert told(got)["message"]
        assert world.plane.logs[-1]["failure"] == "overloaded"

    in_world(tmp_path, work, FALLS)


def test_the_same_one_is_asked_again_after_what_it_asked_for(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", error("rate_limited", {"retry-after-ms": "2000"}), golden("text"))
        began = world.clock.monotonic()
        got = await world.later(world.chat("m"), 10)
        assert got.status == 200
        assert world.clock.monotonic() - began >= 2

    in_world(tmp_path, work, {"m": deployments("chat")})


def test_longer_than_is_waited_for_is_told_to_the_caller(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", error("rate_limited", {"retry-after-ms": "60000"}))
        got = await world.chat("m")
        assert got.status == 429
        assert got.get("retry-after") == "60"
        resting = await world.chat("m")
        assert resting.status == 429
        assert resting.get("retry-after") == "60"
        assert len(world.provider.calls) == 1

    in_world(tmp_path, work, {"m": deployments("chat")})


def test_the_caller_is_told_when_the_first_of_them_is_back(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        told_s = [{"retry-after-ms": "20000"}, {"retry-after-ms": "60000"}]
        world.provider.play("m", *[error("rate_limited", each) for each in told_s])
        got = await world.chat("m")
        assert got.status == 429
        assert got.get("retry-after") == "20"

    in_world(tmp_path, work, TWO)


def test_what_a_caller_has_named_stands_in_one_line_of_the_head(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        name = "scenario-text\r\nset-cookie: a=b\r\n\u20ac"
        world.provider.play(name, golden("text"))
        got = await world.chat(name)
        assert got.status == 200
        assert got.get("set-cookie") is None
        assert got.get("sluicegate-model") == "scenario-text??set-cookie: a=b???"

    in_world(tmp_path, work)


def test_what_was_dropped_is_told_in_one_line_as_well(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        fields: dict[str, Any] = {"seed": 7, "x\r\nset-cookie": 1, "max_tokens": 5}
        world.provider.play("m", golden("text"))
        got = await world.chat("m", **fields)
        assert got.status == 200
        assert got.get("set-cookie") is None
        assert "seed" in (got.get("sluicegate-dropped") or "")

    in_world(tmp_path, work, {"m": deployments("anthropic", unsupported="drop")})


def test_what_cannot_be_said_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        got = await world.chat("m", seed=7, max_tokens=5)
        assert got.status == 400
        assert told(got)["param"] == "seed"
        assert world.provider.calls == []

    in_world(tmp_path, work, {"m": deployments("anthropic")})


def test_another_deployment_may_have_words_for_it(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", golden("text"))
        for _ in range(4):
            assert (await world.chat("m", seed=7, max_tokens=5)).status == 200
        assert {call.dialect for call in world.provider.calls} == {"openai_chat"}

    in_world(tmp_path, work, {"m": deployments("anthropic", "chat")})


def test_only_what_the_one_that_answered_did_not_get_is_told_as_dropped(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", error("server_error"), golden("text"))
        got = await world.chat("m", seed=7, max_tokens=5)
        assert [call.dialect for call in world.provider.calls] == [
            "anthropic_messages",
            "openai_chat",
        ]
        assert got.status == 200
        assert got.get("sluicegate-dropped") is None

    in_world(tmp_path, work, {"m": deployments("anthropic", "chat", unsupported="drop")})


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_without_an_id_gets_one(tmp_path: Path, *, stream: bool) -> None:
    async def work(world: ModelWorld) -> None:
        got = await world.chat("scenario-text", stream=stream)
        assert got.status == 200
        said_ids = [each["id"] for each in (objects(got) if stream else [json.loads(got.body)])]
        assert {each[:9] for each in said_ids} == {"chatcmpl-"}
        assert len(set(said_ids)) == 1

    in_world(tmp_path, work, {"scenario-text": deployments("bedrock")})


def test_a_deployment_of_weight_0_can_be_asked_for_by_name(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        body = {"model": "scenario-text", "messages": [{"role": "user", "content": "Hi."}]}
        path = "/v1/chat/completions"
        named = await world.ask("POST", path, body, sluicegate_deployment="new")
        assert named.get("sluicegate-provider") == "other"
        for _ in range(4):
            usual = await world.ask("POST", path, body)
            assert usual.get("sluicegate-provider") == "chat"

    model = deployments("chat")
    model["deployments"].append({"provider": "other", "name": "new", "weight": 0})
    allow = {"model_overrides": {"allow": ["deployment"]}}
    routes = {"ai": {"match": {"path": "/**"}, "ai": {}, "policies": [allow]}}
    in_world(tmp_path, work, {"scenario-text": model}, routes=routes)


def test_a_caller_may_say_who_how_long_and_no_one_else(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", error("server_error"))
        body = {"model": "m", "messages": []}
        got = await world.ask(
            "POST",
            "/v1/chat/completions",
            body,
            sluicegate_deployment="chat/m",
            sluicegate_fallback="off",
            sluicegate_timeout="1s",
        )
        assert got.status in (500, 504)
        assert {call.model for call in world.provider.calls} == {"m"}

    allow = {"model_overrides": {"allow": ["deployment", "timeout", "fallback"]}}
    models = {
        "m": deployments("chat", attempts=1, fallbacks=[{"model": "n"}]),
        "n": deployments("other"),
    }
    in_world(tmp_path, work, models, policies=[allow])


def test_the_time_for_a_call_ends_it(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        body = {"model": "fault-silence", "messages": []}
        asked = world.ask("POST", "/v1/chat/completions", body, sluicegate_timeout="2s")
        got = await world.later(asked, 10)
        assert got.status == 504
        assert told(got)["message"] == "the time for the call has passed"

    in_world(tmp_path, work, policies=[{"model_overrides": {"allow": ["timeout"]}}])


def test_headers_go_on_to_a_provider_of_the_callers_dialect_alone(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        body = {"max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
        for model in ("a", "c"):
            world.provider.play(model, golden("text"))
            asked = {"anthropic_version": "2023-06-01", "anthropic_beta": "b-1", "x_odd": "1"}
            got = await world.ask("POST", "/v1/messages", body | {"model": model}, **asked)
            assert got.status == 200
        same, other = world.provider.calls
        assert same.headers["anthropic-beta"] == "b-1"
        assert "anthropic-beta" not in other.headers
        assert "x-odd" not in same.headers

    in_world(tmp_path, work, {"a": deployments("anthropic"), "c": deployments("chat")})


def test_a_url_is_fetched_only_where_that_is_allowed_and_the_place_is_public(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        pictures = Upstream(answering(response(200, {"Content-Type": "image/png"}, b"PNG")))
        await pictures.start()
        models = {
            "off": deployments("gemini", attempts=1),
            "on": deployments("gemini", attempts=1, fetch_images=["127.0.0.1"]),
        }
        url = {"type": "image_url", "image_url": {"url": f"{pictures.url}/a.png"}}
        asked = [{"role": "user", "content": [url]}]
        try:
            async with model_world(tmp_path, models) as world:
                for model in ("off", "on"):
                    got = await world.chat(model, messages=asked)
                    assert got.status in (400, 404)
                assert pictures.requests == []
        finally:
            await pictures.stop()

    run(work())


def test_an_array_is_what_a_caller_of_gemini_gets_who_does_not_ask_for_events(
    tmp_path: Path,
) -> None:
    async def work(world: ModelWorld) -> None:
        body = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
        for model in ("g", "c"):
            world.provider.play(model, golden("text"))
            got = await world.ask("POST", f"/v1beta/models/{model}:streamGenerateContent", body)
            assert got.get("content-type") == "application/json"
            found = [e for e in json.loads(got.body) if e.get("candidates")]
            parts = [p for e in found for p in e["candidates"][0]["content"].get("parts", ())]
            assert "".join(part.get("text", "") for part in parts) == FOX

    in_world(tmp_path, work, {"g": deployments("gemini"), "c": deployments("chat")})


def test_a_policy_that_wants_the_whole_answer_gets_it(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        got = await world.chat("scenario-text")
        assert json.loads(got.body)["seen"] is True
        stream = await world.chat("scenario-text", stream=True)
        assert data_of(stream)[-1] == "[DONE]"

    edit = {"json": {"response": {"set": {"seen": True}}, "max_size": "1MiB"}}
    in_world(tmp_path, work, policies=[edit])


def test_an_answer_that_is_too_large_for_a_policy_is_an_error(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        got = await world.chat("scenario-text")
        assert got.status == 502
        assert told(got)["message"]

    edit = {"json": {"response": {"set": {"seen": True}}, "max_size": "10B"}}
    in_world(tmp_path, work, policies=[edit])


def test_an_answer_with_more_bytes_than_are_kept_is_an_error(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        world.provider.play("m", answer(200, b" " * (1 << 20) + b"{}"))
        assert (await world.chat("m")).status == 502

    in_world(tmp_path, work, {"m": deployments("chat", attempts=1)})
