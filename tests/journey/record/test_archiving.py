from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import structlog

from sluicegate.exchange import Exchange, Response
from sluicegate.headers import Headers
from sluicegate.journey.record import archiving
from sluicegate.journey.record.archive import Config, Policy
from sluicegate.llm.call import ModelCall
from sluicegate.llm.endpoint import Endpoint
from sluicegate.llm.failure import Failure
from sluicegate.model.archive import ArchivedCall
from sluicegate.model.consumer import Consumer
from sluicegate.model.units import Duration, Size
from sluicegate.policy import Parts
from support.archived import ToggledArchive
from support.exchanges import exchange, parts, sink
from support.mock_clock import EPOCH_US, MockClock

ASKED = {"model": "gpt", "messages": [{"role": "user", "content": "I am ann@example.org"}]}
ANSWER = {"choices": [{"message": {"role": "assistant", "content": "Hello ann@example.org"}}]}


class Bench:
    """A gateway that archives what a test sends through it."""

    def __init__(self, **config: Any) -> None:
        self.clock = MockClock()
        self.archive = ToggledArchive()
        self.parts: Parts = replace(parts(self.clock), archive=self.archive)
        self.policy = Policy(Config(**{"routes": ("chat",), **config}), self.parts)

    def made(self, body: Any = ASKED, *, route: str = "chat", stream: bool = False) -> Exchange:
        """Return an exchange with a call that has been read."""
        made = exchange("POST", "/v1/chat/completions", route=route, clock=self.clock)
        made.consumer, made.consumer_name, made.key_id = Consumer(team="blue"), "ann", "k1"
        call = ModelCall(Endpoint("call", "openai_chat"), "gpt")
        call.alias, call.provider, call.deployment, call.stream = "gpt", "p", "gpt/p", stream
        call.body = body if isinstance(body, bytes) else msgspec.json.encode(body)
        made.call = call
        return made

    def run(self, made: Exchange, onward: Any) -> list[ArchivedCall]:
        """Send an exchange through; return what was archived."""

        async def work() -> list[ArchivedCall]:
            with suppress(asyncio.CancelledError):
                await self.policy.handle(made, onward)
            await asyncio.gather(*self.parts.aside)
            self.archive.away = False
            return await self.archive.calls()

        return asyncio.run(work())

    def counted(self, outcome: str) -> float:
        return self.parts.metrics.families["sluicegate_archive_calls_total"].cell(outcome).value


def answering(*pieces: bytes, media: str = "application/json", status: int = 200) -> Any:
    async def onward(each: Exchange) -> None:
        headers = Headers([(b"content-type", media.encode())])
        each.head(Response(status, headers, sum(map(len, pieces))), None)
        for piece in pieces:
            each.chunk(piece)
        each.end(None)

    return onward


def whole(answer: Any = ANSWER) -> Any:
    return answering(msgspec.json.encode(answer))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_was_asked_and_answered_is_kept_redacted(bench: Bench) -> None:
    made = bench.made()
    [kept] = bench.run(made, whole())
    assert json.loads(kept.request or "")["messages"][0]["content"] == "I am [email]"
    assert json.loads(kept.answer or "")["choices"][0]["message"]["content"] == "Hello [email]"
    assert kept.redacted == 2
    assert (kept.consumer, kept.team, kept.key, kept.route) == ("ann", "blue", "k1", "chat")
    assert (kept.model, kept.provider, kept.deployment) == ("gpt", "p", "gpt/p")
    assert (kept.status, kept.failure, kept.request_id) == (200, None, "request-1")
    assert kept.at_us == EPOCH_US
    assert kept.until_us == EPOCH_US + 30 * 86_400_000_000
    assert bench.counted("kept") == 1


def test_the_client_gets_what_it_would_have_got(bench: Bench) -> None:
    made = bench.made()
    bench.run(made, whole())
    assert sink(made).body == msgspec.json.encode(ANSWER)
    assert sink(made).length == len(sink(made).body)
    assert made.sink is sink(made)


def test_a_secret_that_the_frames_of_a_stream_cut_is_found(bench: Bench) -> None:
    def chunk(text: str) -> bytes:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        return b"data: " + msgspec.json.encode({"id": "1", "choices": [choice]}) + b"\n\n"

    frames = [chunk(text) for text in ("I know ann", "@exam", "ple.org well")]
    onward = answering(*frames, b"data: [DONE]\n\n", media="text/event-stream; charset=utf-8")
    [kept] = bench.run(bench.made(stream=True), onward)
    assert [part["text"] for part in json.loads(kept.answer or "")] == ["I know [email] well"]
    assert kept.stream


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"routes": ("other",)}, 0),
        ({"routes": ("ch*",)}, 1),
        ({"consumers": ("bob",)}, 0),
        ({"consumers": ("a*",)}, 1),
        ({"sample": 0.0}, 0),
    ],
)
def test_only_what_is_asked_for_is_kept(config: dict[str, Any], kept: int) -> None:
    bench = Bench(**config)
    assert len(bench.run(bench.made(), whole())) == kept


def test_only_the_parts_that_are_asked_for_are_kept() -> None:
    bench = Bench(answer=False)
    [kept] = bench.run(bench.made(), whole())
    assert kept.request
    assert (kept.answer, kept.answer_bytes) == (None, 0)
    bench = Bench(request=False)
    [kept] = bench.run(bench.made(), whole())
    assert kept.answer
    assert kept.request is None


def test_what_is_no_call_of_a_model_is_not_kept(bench: Bench) -> None:
    made = bench.made()
    made.call = None
    assert bench.run(made, whole()) == []
    listing = bench.made()
    listing.call = ModelCall(Endpoint("models", "openai_chat"), "")
    assert bench.run(listing, whole()) == []


def test_what_is_too_large_is_left_out_and_its_size_kept() -> None:
    bench = Bench(max_bytes=Size(100))
    [kept] = bench.run(bench.made({"a": "x" * 200}), answering(b'"' + b"y" * 5000 + b'"'))
    assert (kept.request, kept.answer) == (None, None)
    assert kept.left_out == {"request": "size", "answer": "size"}
    assert (kept.request_bytes, kept.answer_bytes) == (208, 5002)


def test_what_cannot_be_redacted_in_time_is_left_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(MockClock):
        """Every look at it takes a fifth of a second."""

        def monotonic(self) -> float:
            self.advance(0.2)
            return super().monotonic()

    slow = Slow()
    made = bench.made({"messages": "ann@example.org " * 2000})
    bench.policy._archiving._clock = slow
    monkeypatch.setattr(archiving, "SLICE_S", 0.1)
    [kept] = bench.run(made, whole())
    assert kept.request is None
    assert kept.left_out["request"] == "redaction"


def test_what_is_no_json_is_left_out(bench: Bench) -> None:
    [kept] = bench.run(bench.made(), answering(b"<html>ann@example.org"))
    assert kept.answer is None
    assert kept.left_out == {"answer": "unreadable"}


def test_a_call_that_was_refused_is_kept_with_its_error(bench: Bench) -> None:
    made = bench.made()
    assert made.call is not None
    made.call.failure = Failure(kind="rate_limited", status=429, message="no")

    async def refuse(each: Exchange) -> None:
        each.respond(429, [(b"content-type", b"application/json")], b'{"error":"no"}')

    [kept] = bench.run(made, refuse)
    assert (kept.status, kept.failure, kept.answer) == (429, "rate_limited", '{"error":"no"}')


def test_a_call_whose_caller_went_away_is_kept(bench: Bench) -> None:
    async def cancelled(_: Exchange) -> None:
        raise asyncio.CancelledError

    [kept] = bench.run(bench.made(), cancelled)
    assert (kept.status, kept.answer) == (499, None)
    assert kept.request


# --- a side channel -----------------------------------------------------------------------------


def test_a_state_that_is_away_costs_no_answer(bench: Bench) -> None:
    bench.archive.away = True
    made = bench.made()
    assert bench.run(made, whole()) == []
    assert sink(made).status == 200
    assert bench.counted("away") == 1


def test_what_finds_no_room_is_counted() -> None:
    bench = Bench()
    bench.archive._most_bytes = 10
    assert bench.run(bench.made(), whole()) == []
    assert bench.counted("full") == 1


def test_too_many_at_once_are_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "MOST_UNDER_WAY", 0)
    assert bench.run(bench.made(), whole()) == []
    assert bench.counted("busy") == 1


def test_nothing_of_a_prompt_is_in_the_log_when_it_fails(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: bytes) -> bool:
        raise ValueError("the line with hunter2 in it")

    monkeypatch.setattr(bench.archive, "put", fail)
    with structlog.testing.capture_logs() as logs:
        bench.run(bench.made({"messages": "hunter2"}), whole())
    assert bench.counted("failed") == 1
    assert "hunter2" not in repr(logs)
    assert logs[0]["error"] == "ValueError"


def test_retention_is_that_of_the_settings() -> None:
    bench = Bench(retention=Duration(3600))
    [kept] = bench.run(bench.made(), whole())
    assert kept.until_us - kept.at_us == 3600 * 1_000_000


def test_a_route_that_does_not_match_is_served_as_if_nobody_listened(bench: Bench) -> None:
    made = bench.made(route="other")
    made.route = SimpleNamespace(name="other")  # type: ignore[assignment]
    seen: list[Any] = []

    async def onward(each: Exchange) -> None:
        await whole()(each)
        seen.append(each.sink)

    assert bench.run(made, onward) == []
    assert seen == [sink(made)]
