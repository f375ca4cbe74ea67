"""Streams of models that end otherwise than they began: continued, cut, left, slow, reloaded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as google_errors

from support.front import Options
from support.model_faults import dripping, flooding, gated, hanging
from support.model_front import (
    CALLERS,
    TEXT,
    ModelFront,
    config,
    events_of,
    model_front,
    provider,
    request,
)
from support.ports import eventually
from support.raw_http import Connection
from support.scripted_provider import Play, answer, cut, error, golden, malformed, stall
from support.stream_comments import provided

WELL = golden("text")
A, B = {"provider": "a", "model": "a"}, {"provider": "b", "model": "b", "priority": 1}
WORDS = 20_000
BOUND = 20_000_000
"""Bytes that may be on their way to a caller who does not read: buffers of two sockets, ours."""


def write(**ai: Any) -> Any:
    """Return a writer of a configuration with `m`, of two providers, and `alone`, of the first."""

    def written(urls: list[str]) -> Options:
        providers = {
            "a": provider(urls[0], timeouts={"total": "100s"}),
            "b": provider(urls[1], "anthropic_messages"),
        }
        often = {"cooldown": {"failures": 1000}}
        models = {"m": {"deployments": [A, B], **often}, "alone": {"deployments": [A], **often}}
        return config(providers, models, ai=ai)

    return written


def play(at: ModelFront, a: Play, b: Play = WELL) -> None:
    """Have both providers play."""
    at.providers[0].play("a", a)
    at.providers[1].play("b", b)


# --- continued ---


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("fault", [cut(), stall(), malformed()])
def test_a_stream_that_breaks_off_goes_on_elsewhere_where_the_route_says_so(
    tmp_path: Path, caller: str, fault: Play
) -> None:
    with model_front(tmp_path, write(continue_streams=True)) as at:
        play(at, fault)
        told = at.ask(caller, "m", stream=True)
        assert told.whole, told
        said = told.text.removesuffix(TEXT)
        assert said
        assert TEXT.startswith(said)
        *_, so_far, go_on = at.providers[1].calls[0].content["messages"]
        assert (so_far["role"], go_on["role"]) == ("assistant", "user")
        assert said.rstrip() in str(so_far["content"])
        assert at.plane.logs[-1]["failure"] is None


def test_nobody_left_to_go_on_is_an_error_as_without_it(tmp_path: Path) -> None:
    with model_front(tmp_path, write(continue_streams=True)) as at:
        play(at, cut())
        assert at.ask("chat", "alone", stream=True).honest
        play(at, cut(), answer(500, b"{}"))
        assert at.ask("chat", "m", stream=True).honest


def test_half_a_call_of_a_tool_is_not_continued(tmp_path: Path) -> None:
    with model_front(tmp_path, write(continue_streams=True)) as at:
        play(at, cut(4, "tools"))
        assert at.ask("chat", "m", stream=True).honest
        assert at.providers[1].calls == []


# --- other forms of a stream ---


@pytest.mark.parametrize("dialect", ["gemini_generate", "openai_chat", "anthropic_messages"])
def test_an_array_of_answers_ends_as_json_with_the_error_in_it(
    tmp_path: Path, dialect: str
) -> None:
    def written(urls: list[str]) -> Options:
        models = {"alone": {"deployments": [A], "attempts": 1}}
        return config({"a": provider(urls[0], dialect)}, models)

    asked = request("gemini", "alone", stream=True).replace(b"?alt=sse", b"")
    with model_front(tmp_path, written) as at, at.connect() as client:
        play(at, golden("text"))
        whole = json.loads(client.request(asked).body)
        parts = [p for each in whole for c in each["candidates"] for p in c["content"]["parts"]]
        assert "".join(part.get("text", "") for part in parts) == TEXT
        play(at, cut())
        *said, last = json.loads(client.request(asked).body)
        assert said
        assert (list(last), last["error"]["code"]) == (["error"], 502)
        play(at, cut(0))
        answer_ = client.request(asked)
        assert (answer_.status, json.loads(answer_.body)["error"]["code"]) == (502, 502)


def test_completions_of_the_old_form_end_as_honestly(tmp_path: Path) -> None:
    def written(urls: list[str]) -> Options:
        spoken = provider(urls[0], dialects=["openai_completions"])
        return config({"a": spoken}, {"alone": {"deployments": [A]}})

    asked = request("chat", "alone", stream=True, prompt="Hi", messages=[])
    asked = asked.replace(b"/v1/chat/completions", b"/v1/completions")
    with model_front(tmp_path, written) as at, at.connect() as client:
        play(at, golden("text"))
        assert events_of(client.request(asked).body)[-1] == "[DONE]"
        play(at, cut())
        *said, last = events_of(client.request(asked).body)
        assert said
        assert last["error"]["code"] == "bad_answer"


# --- ended by time ---


def test_a_call_ends_after_its_total_time_however_lively_it_is(tmp_path: Path) -> None:
    with model_front(tmp_path, write()) as at:
        play(at, dripping())
        told = at.ask("chat", "alone", stream=True)
        assert told.honest, told
        assert told.error["code"] == "timeout"


# --- left ---


@pytest.mark.parametrize(
    ("stream", "begun"), [(True, True), (True, False), (False, False), (False, True)]
)
def test_who_leaves_ends_the_call_at_the_provider_at_once(
    tmp_path: Path,
    stream: bool,  # noqa: FBT001 - a parameter
    begun: bool,  # noqa: FBT001 - a parameter
) -> None:
    gone: list[str] = []
    with model_front(tmp_path, write()) as at:
        play(at, hanging(gone, begun=begun))
        with at.connect() as client:
            client.send(request("chat", "m", stream=stream))
            at.wait(lambda: gone, "the provider is asked")
            if stream and begun:
                client.head()
                client.chunk()
        at.wait(lambda: gone == ["asked", "left"], "the provider is told")
        at.wait(lambda: not at.in_flight, "nothing is in flight")
        assert len(at.providers[0].calls) == 1
        assert at.providers[1].calls == []
        assert at.deployment("m", "a/a").available
        assert at.plane.logs[-1]["problem"] == "client-gone"


def test_who_leaves_while_a_retry_is_waited_for_is_not_asked_for_again(tmp_path: Path) -> None:
    with model_front(tmp_path, write()) as at:
        play(at, answer(429, b"{}", {"Retry-After": "4"}))
        with at.connect() as client:
            client.send(request("chat", "alone"))
            at.wait(lambda: at.providers[0].calls, "the provider is asked")
        at.wait(lambda: not at.in_flight, "nothing is in flight")
        at.advance(10)
        assert len(at.providers[0].calls) == 1


def test_a_slow_reader_holds_the_provider_back_and_gets_everything(tmp_path: Path) -> None:
    times, sent = 2000, list[int]()
    with model_front(tmp_path, write()) as at:
        play(at, flooding(sent, times, WORDS))
        with at.connect(timeout_s=40) as client:
            client.send(request("chat", "alone", stream=True))
            stands_still(lambda: at.do(lambda: len(sent)))
            assert 0 < len(sent) < times
            assert sum(sent) < BOUND
            at.advance(40)  # its reader is slow: the provider has not stalled
            pieces = [client.sock.recv(1 << 20)]
            while not pieces[-1].endswith(b"0\r\n\r\n"):
                pieces.append(client.sock.recv(1 << 20))
            body = b"".join(pieces)
            assert body.count(b"x") >= times * WORDS
            assert b'"error"' not in body
            assert body[-400:].count(b"data: [DONE]") == 1


def stands_still(read: Any) -> None:
    """Wait until a number has not changed for a while."""
    seen: list[int] = []

    def still() -> bool:
        seen.append(read())
        return len(seen) > 20 and len(set(seen[-20:])) == 1 and seen[-1] > 0

    eventually(still, "it stands still", within_s=30, every_s=0.02)


# --- the configuration changes meanwhile ---


def test_a_stream_goes_on_through_reloads_that_take_its_provider_away(tmp_path: Path) -> None:
    gate = asyncio.Event()
    with model_front(tmp_path, write()) as at:
        play(at, gated(gate))
        with at.connect() as client:
            first = begun(client, at)
            for _ in range(2):
                document = config(
                    {"b": provider(at.providers[1].url, "anthropic_messages")},
                    {"m": {"deployments": [B]}},
                )
                at.call(at.plane.apply(json.dumps(document)))
            at.do(gate.set)
            rest = rest_of(client)
        text = "".join(
            choice["delta"].get("content") or ""
            for event in events_of(first + rest)
            if event != "[DONE]"
            for choice in event["choices"]
        )
        assert text == TEXT
        assert provided(first + rest).endswith(b"data: [DONE]\n\n")
        assert at.ask("chat", "m").headers["sluicegate-provider"] == "b"
        assert at.ask("chat", "alone").status == 404


def begun(client: Connection, at: ModelFront) -> bytes:
    """Ask for a stream, and read its head and first piece."""
    client.send(request("chat", "m", stream=True))
    assert client.head().status == 200
    at.wait(lambda: at.in_flight, "it is under way")
    return client.chunk()


def rest_of(client: Connection) -> bytes:
    """Read the pieces up to the end."""
    found = b""
    while piece := client.chunk():
        found += piece
    return found


# --- what SDKs make of it ---


@pytest.mark.parametrize("fault", [cut(), malformed()])
def test_every_sdk_raises_where_a_stream_breaks_off(tmp_path: Path, fault: Play) -> None:
    with model_front(tmp_path, write()) as at:
        play(at, fault)
        url = f"http://127.0.0.1:{at.port}"
        talk: Any = [{"role": "user", "content": "Say something."}]
        with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
            with pytest.raises(openai.APIError):
                list(client.chat.completions.create(model="m", messages=talk, stream=True))
            with pytest.raises(openai.APIError):
                list(client.responses.create(model="m", input="Hi", stream=True, store=False))
        with (
            anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as claude,
            pytest.raises(anthropic.APIError),
        ):
            list(claude.messages.create(model="m", messages=talk, max_tokens=9, stream=True))
        gemini = genai.Client(api_key="k", http_options={"base_url": url})
        with pytest.raises(google_errors.APIError):
            list(gemini.models.generate_content_stream(model="m", contents="Hi"))
        gemini.close()
        incomplete = "sluicegate_responses_incomplete_total"
        eventually(lambda: at.plane.counted(incomplete) == 4, "each is counted")


def test_sdks_never_see_what_a_fallback_has_mended(tmp_path: Path) -> None:
    with model_front(tmp_path, write()) as at:
        play(at, error("overloaded"))
        url = f"http://127.0.0.1:{at.port}/v1"
        talk: Any = [{"role": "user", "content": "Say something."}]
        with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as client:
            pieces = list(client.chat.completions.create(model="m", messages=talk, stream=True))
        said = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
        assert said == TEXT
