"""What a stage may do with an exchange."""

from __future__ import annotations

import asyncio
import json

import pytest

from sluicegate.errors import (
    INTERNAL,
    QUOTA_EXCEEDED,
    UPSTREAM_TIMEOUT,
    Problem,
    Refused,
    UpstreamTimeout,
    UpstreamTooLarge,
    answer_for,
)
from sluicegate.exchange import Exchange, Response
from sluicegate.headers import Headers
from support.exchanges import exchange, sink


def test_head_hooks_run_innermost_first_whoever_answers() -> None:
    order: list[str] = []
    for answer in (
        lambda it: it.respond(200),
        lambda it: it.head(Response(200, Headers(), 0), None),
    ):
        asked = exchange()
        asked.on_head(lambda _: order.append("outer"))
        asked.on_head(lambda _: order.append("inner"))
        answer(asked)
    assert order == ["inner", "outer"] * 2


def test_a_local_answer_is_whole_and_its_length_known() -> None:
    asked = exchange()
    asked.on_chunk(lambda _, data: data.upper())  # is for what comes from further in
    asked.respond(200, [(b"x-a", b"b")], b"hi")
    assert (sink(asked).status, sink(asked).body, sink(asked).length) == (200, b"hi", 2)
    assert sink(asked).ended
    assert asked.ended
    assert asked.bytes_out == 2


def test_answering_twice_is_a_mistake() -> None:
    asked = exchange()
    asked.respond(200)
    with pytest.raises(RuntimeError):
        asked.respond(500)
    assert sink(asked).status == 200


def test_a_refusal_is_a_problem_document_that_is_not_cached() -> None:
    asked = exchange()
    asked.refuse(
        QUOTA_EXCEEDED, "10/second", ((b"retry-after", b"3"),), {"violated-policies": ["a"]}
    )
    told = sink(asked)
    assert told.status == 429
    assert told.header("cache-control") == "no-store"
    assert told.header("retry-after") == "3"
    assert told.problem() == {
        "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "title": QUOTA_EXCEEDED.title,
        "status": 429,
        "detail": "10/second",
        "violated-policies": ["a"],
        "instance": "urn:request:request-1",
    }
    assert asked.problem is QUOTA_EXCEEDED
    assert "detail" not in json.loads(sink(refused_plainly()).body)


class Shouting:
    """Another form of errors."""

    def refusal(
        self, problem: Problem, detail: str | None, request_id: str
    ) -> tuple[int, bytes, bytes]:
        """Return status, media type and body."""
        return 418, b"text/loud", f"{problem.slug} {detail} {request_id}".upper().encode()


def test_a_refusal_is_in_the_form_that_the_caller_speaks() -> None:
    asked = exchange()
    asked.speaks = Shouting()
    asked.refuse(QUOTA_EXCEEDED, "10/second", ((b"retry-after", b"3"),), {"left": "out"})
    told = sink(asked)
    assert told.status == 418
    assert told.header("content-type") == "text/loud"
    assert told.header("cache-control") == "no-store"
    assert told.header("retry-after") == "3"
    assert told.body == b"QUOTA-EXCEEDED 10/SECOND REQUEST-1"
    assert asked.problem is QUOTA_EXCEEDED


def refused_plainly() -> Exchange:
    asked = exchange()
    asked.refuse(QUOTA_EXCEEDED)
    return asked


def streamed(asked: Exchange, *pieces: bytes) -> None:
    asked.head(Response(200, Headers(), sum(map(len, pieces))), None)
    for piece in pieces:
        asked.chunk(piece)
    asked.end(None)


def test_a_response_nobody_asked_to_see_keeps_its_length() -> None:
    asked = exchange()
    streamed(asked, b"ab", b"c")
    assert (sink(asked).body, sink(asked).length, asked.bytes_out) == (b"abc", 3, 3)


def test_chunk_hooks_run_innermost_first_and_may_hold_bytes_back() -> None:
    asked = exchange()
    kept: list[bytes] = []
    asked.on_chunk(lambda _, data: data + b"o")
    asked.on_chunk(
        lambda _, data: kept.append(data) or b"" if data == b"b" else data + b"i",
        lambda _: b"".join(kept),
    )
    asked.on_end(lambda _: b"E")
    streamed(asked, b"a", b"b", b"c")
    assert sink(asked).body == b"aio" + b"cio" + b"Eio" + b"bo"
    assert sink(asked).length is None  # nobody can know it at the head
    assert asked.bytes_out == len(sink(asked).body)


def test_a_whole_response_is_held_back_until_it_is_there() -> None:
    asked = exchange()

    async def outer(_: Exchange, body: bytes) -> bytes:
        return b"<" + body + b">"

    async def inner(_: Exchange, body: bytes) -> bytes:
        assert not sink(asked).status
        return body.upper()

    asked.whole(100, outer)
    asked.whole(50, inner)
    streamed(asked, b"ab", b"c")
    assert not asked.head_sent
    asyncio.run(asked.finish_whole())
    assert (sink(asked).body, sink(asked).length, sink(asked).ended) == (b"<ABC>", 5, True)
    assert asked.bytes_out == 5
    assert asked.head_sent


def test_a_body_larger_than_the_smallest_bound_is_given_up() -> None:
    asked = exchange()

    async def same(_: Exchange, body: bytes) -> bytes:
        return body

    asked.whole(100, same)
    asked.whole(3, same)
    asked.head(Response(200, Headers(), None), None)
    asked.chunk(b"abc")
    with pytest.raises(UpstreamTooLarge):
        asked.chunk(b"d")
    asked.forget_response()
    asked.refuse(QUOTA_EXCEEDED)
    assert sink(asked).status == 429
    assert asked.bytes_out == len(sink(asked).body)


@pytest.mark.parametrize("json", [True, False])
def test_a_response_is_held_back_only_where_a_condition_on_its_head_holds(*, json: bool) -> None:
    async def louder(_: Exchange, data: bytes) -> bytes:
        return data.upper()

    def is_json(it: Exchange) -> bool:
        assert it.response is not None
        return it.response.headers.get(b"content-type") == b"application/json"

    async def work() -> None:
        asked = exchange()
        asked.whole(3, louder, is_json)
        asked.whole(2, louder, lambda _: False)
        kind = b"application/json" if json else b"text/event-stream"
        asked.head(Response(200, Headers([(b"content-type", kind)]), None), None)
        assert asked.head_sent is not json
        asked.chunk(b"abc")
        assert sink(asked).body == (b"" if json else b"abc")
        asked.end(None)
        await asked.finish_whole()
        assert sink(asked).body == (b"ABC" if json else b"abc")
        assert sink(asked).length == (3 if json else None)
        assert sink(asked).ended

    asyncio.run(work())


def test_nothing_is_forgotten_once_a_head_was_sent() -> None:
    asked = exchange()
    asked.head(Response(200, Headers(), 1), None)
    asked.forget_response()
    assert asked.head_sent


def test_a_cut_is_no_end() -> None:
    asked = exchange()
    asked.head(Response(200, Headers(), 9), None)
    asked.cut()
    assert sink(asked).was_cut
    assert not sink(asked).ended


def test_an_error_is_told_by_its_problem_and_else_as_500() -> None:
    refused = Refused(QUOTA_EXCEEDED)
    assert answer_for(refused) is refused
    assert answer_for(UpstreamTimeout("10.0.0.1")).problem is UPSTREAM_TIMEOUT
    assert answer_for(UpstreamTimeout("10.0.0.1")).detail is None
    told = answer_for(ValueError("secret"))
    assert (told.problem, told.detail) == (INTERNAL, None)
