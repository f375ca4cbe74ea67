"""The vendor that tests ask in place of real ones: it plays its goldens, and its faults."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from support.links import link
from support.loops import in_thread, run
from support.scripted_provider import (
    FAULTS,
    GOLDEN,
    KEY,
    ScriptedProvider,
    answer,
    error,
    frames,
    golden,
    slow,
)

STREAM = b"".join(b'data: {"text":"%d"}\n\n' % n for n in range(6)) + b"data: [DONE]\n\n"
ANSWER = json.dumps({"text": "The quick brown fox"}).encode()
BEARER = {"authorization": f"Bearer {KEY}"}
CHAT = "/v1/chat/completions"


@pytest.fixture
def goldens(tmp_path: Path) -> Path:
    """Goldens of one dialect, as small as can be."""
    folder = tmp_path / "openai_chat"
    (folder / "errors").mkdir(parents=True)
    (folder / "text.stream").write_bytes(STREAM)
    (folder / "text.response.json").write_bytes(ANSWER)
    for kind, status in (("authentication", 401), ("rate_limited", 429), ("not_found", 404)):
        told = {"status": status, "headers": {"x-kind": kind}, "body": {"error": kind}}
        (folder / "errors" / f"{kind}.json").write_text(json.dumps(told))
    return tmp_path


def ask(provider: ScriptedProvider, model: str, *, stream: bool = False) -> httpx.Response:
    body = {"model": model, "stream": stream}
    return httpx.post(provider.url + CHAT, json=body, headers=BEARER, timeout=20)


def test_scenarios_are_played_whole_and_streamed(goldens: Path) -> None:
    with in_thread(ScriptedProvider(goldens=goldens)) as provider:
        assert ask(provider, "scenario-text").content == ANSWER
        told = ask(provider, "scenario-text", stream=True)
        assert told.content == STREAM
        assert told.headers["content-type"].startswith("text/event-stream")
        call = provider.calls[0]
        assert (call.method, call.path, call.dialect, call.model) == (
            "POST", CHAT, "openai_chat", "scenario-text",
        )  # fmt: skip
        assert [each.stream for each in provider.of("scenario-text")] == [False, True]


def test_errors_are_the_vendors_and_may_have_further_headers(goldens: Path) -> None:
    with in_thread(ScriptedProvider(goldens=goldens)) as provider:
        told = ask(provider, "error-rate-limited")
        assert (told.status_code, told.json(), told.headers["x-kind"]) == (
            429, {"error": "rate_limited"}, "rate_limited",
        )  # fmt: skip
        provider.play("busy", error("rate_limited", {"Retry-After": "3"}))
        assert ask(provider, "busy").headers["retry-after"] == "3"
        assert ask(provider, "no-such-model").status_code == 404


def test_another_key_or_a_second_one_is_refused(goldens: Path) -> None:
    with in_thread(ScriptedProvider(goldens=goldens)) as provider:
        for headers in ({}, {"authorization": "Bearer theirs"}, {**BEARER, "x-api-key": "theirs"}):
            body = {"model": "scenario-text"}
            told = httpx.post(provider.url + CHAT, json=body, headers=headers)
            assert told.status_code == 401


def test_plays_are_played_in_turn_and_the_last_one_for_ever(goldens: Path) -> None:
    with in_thread(ScriptedProvider(goldens=goldens)) as provider:
        provider.play("flap", error("rate_limited"), golden("text"), answer(500, b"{}"))
        assert [ask(provider, "flap").status_code for _ in range(4)] == [429, 200, 500, 500]


def test_each_fault_is_the_fault_that_it_is_called(goldens: Path) -> None:
    def streamed(provider: ScriptedProvider, name: str) -> tuple[bytes, str]:
        body = {"model": f"fault-{name}", "stream": True}
        got, patience = b"", httpx.Timeout(20, read=1.5)  # two of the faults last as long
        try:
            with httpx.stream(
                "POST", provider.url + CHAT, json=body, headers=BEARER, timeout=patience
            ) as told:
                for data in told.iter_raw():
                    got += data
        except httpx.HTTPError as failed:
            return got, type(failed).__name__
        return got, ""

    first = b"".join(frames(STREAM, "openai_chat")[:3])
    with in_thread(ScriptedProvider(goldens=goldens)) as provider:
        told = {
            name.replace("_", "-"): streamed(provider, name.replace("_", "-")) for name in FAULTS
        }
    assert told == {
        "reset": (b"", "ReadError"),
        "silence": (b"", "ReadTimeout"),
        "cut": (first, "RemoteProtocolError"),
        "cut-at-once": (b"", "RemoteProtocolError"),
        "stall": (first, "ReadTimeout"),
        "malformed": (STREAM.replace(first, first + b'data: {"broken\n\n'), ""),
        "malformed-at-once": (b'data: {"broken\n\n' + STREAM, ""),
        "unmarked": (STREAM.removesuffix(b"data: [DONE]\n\n"), ""),
    }


def test_whole_answers_are_cut_and_broken_too(goldens: Path) -> None:
    with in_thread(ScriptedProvider(goldens=goldens)) as provider:
        with pytest.raises(httpx.RemoteProtocolError):
            ask(provider, "fault-cut")
        for name in ("fault-malformed", "fault-unmarked"):
            told = ask(provider, name)
            assert told.status_code == 200
            with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
                told.json()


def test_a_first_token_waits_for_its_gate(goldens: Path) -> None:
    async def scenario() -> None:
        provider, gate = ScriptedProvider(goldens=goldens), asyncio.Event()
        await provider.start()
        provider.play("late", slow(gate, pings=2))
        body = {"model": "late", "stream": True}
        url = provider.url + CHAT
        async with (
            httpx.AsyncClient() as client,
            client.stream("POST", url, json=body, headers=BEARER) as told,
        ):
            pieces = told.aiter_raw()
            got = await anext(pieces)
            assert STREAM[:5] not in got
            gate.set()
            async for data in pieces:
                got += data
        assert got == b": ping\n\n: ping\n\n" + STREAM
        await provider.stop()

    run(scenario())


def test_what_is_no_call_of_a_model_is_told_back(goldens: Path) -> None:
    with in_thread(ScriptedProvider(goldens=goldens)) as provider:
        told = httpx.get(f"{provider.url}/v1/responses/resp_1?a=b", headers=BEARER)
        assert told.json() == {"method": "GET", "path": "/v1/responses/resp_1", "query": "a=b"}


@pytest.mark.parametrize(
    ("kind", "dialect"),
    [
        ("openai", "openai_chat"),
        ("openai", "openai_responses"),
        ("openai", "openai_completions"),
        ("openai", "openai_embeddings"),
        ("anthropic", "anthropic_messages"),
        ("anthropic", "anthropic_count_tokens"),
        ("azure", "openai_chat"),
        ("azure", "anthropic_messages"),
        ("gemini", "gemini_generate"),
        ("gemini", "gemini_count_tokens"),
        ("gemini", "openai_embeddings"),
        ("bedrock", "bedrock_converse"),
        ("cohere", "cohere_chat"),
        ("deepseek", "anthropic_messages"),
        ("perplexity", "openai_chat"),
    ],
)
def test_the_gateways_own_heads_are_understood_and_their_keys_taken(
    kind: str, dialect: str
) -> None:
    with in_thread(ScriptedProvider()) as provider:
        provider.play("m:1", answer(200, b"{}"))
        made = link(kind)
        body = b'{"model":"m:1"}'
        head = made.head(dialect, "m:1", stream=False, body=body).decode()
        first, *lines = head.strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        told = httpx.post(provider.url + first.split(" ")[1], content=body, headers=headers)
        assert told.status_code == 200
        assert (provider.calls[0].dialect, provider.calls[0].model) == (dialect, "m:1")


@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("*/*.stream")), ids=lambda path: "/".join(path.parts[-2:])
)
def test_every_golden_stream_is_whole_frames(path: Path) -> None:
    stream = path.read_bytes()
    cut = frames(stream, path.parent.name)
    assert b"".join(cut) == stream
    assert cut
    assert b"".join(cut[:-1]) != stream
