from __future__ import annotations

import asyncio

import msgspec
import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.cache.kept import FORM, Kept, read
from sluicegate.journey.cache.replay import replay
from sluicegate.journey.dispatch.model.cost_told import overhead_ms
from support.cached_calls import call, client, turns
from support.exchanges import exchange, sink
from support.mock_clock import EPOCH_US, MockClock

STREAM = Kept(
    FORM, [(b"content-type", b"text/event-stream")], None, b"onetwothree", [3, 3, 5],
    [500_000, 0, 2_000_000], EPOCH_US - 9_000_000, 1,
)  # fmt: skip
PAGE = Kept(
    FORM, [(b"etag", b'"v1"'), (b"date", b"x"), (b"content-type", b"t")], 4, b"page", [], [],
    EPOCH_US, 0,
)  # fmt: skip


def at_once(asked: Exchange, kept: Kept) -> None:
    asyncio.run(replay(asked, kept, paced=False))


def test_an_answer_is_given_again_with_its_age() -> None:
    asked = call()
    at_once(asked, STREAM)
    got = client(asked)
    assert (got.status, got.body, got.ended, got.length) == (200, b"onetwothree", True, None)
    assert (got.header("age"), got.header("sluicegate-cache")) == ("10", "hit")


def test_a_stream_can_keep_the_pace_of_the_first_time() -> None:
    async def work() -> None:
        clock = MockClock()
        asked = call(clock=clock)
        task = asyncio.ensure_future(replay(asked, STREAM, paced=True))
        await turns()
        seen = []
        for seconds in (0.4, 0.1, 1.9, 0.1):
            clock.advance(seconds)
            await turns()
            seen.append(client(asked).body)
        await task
        assert seen == [b"", b"onetwo", b"onetwo", b"onetwothree"]
        assert client(asked).flushed == b"onetwothree"

    asyncio.run(work())


def test_a_client_that_does_not_read_is_waited_for() -> None:
    async def work() -> None:
        clock = MockClock()
        asked = call(clock=clock)
        task = asyncio.ensure_future(replay(asked, STREAM, paced=True))
        await turns()
        assert asked.flow is not None
        asked.flow.pause()
        clock.advance(10)
        await turns()
        assert client(asked).body == b""
        asked.flow.resume()
        await task
        assert client(asked).body == b"onetwothree"
        assert asked.flow is None

    asyncio.run(work())


def test_policies_see_the_answer_as_they_did_the_first_time() -> None:
    asked = exchange()

    async def upper(_: Exchange, body: bytes) -> bytes:
        return body.upper()

    asked.whole(100, upper)
    asked.on_head(lambda e: e.response and e.response.headers.append((b"seen", b"1")))
    at_once(asked, PAGE)
    assert (sink(asked).body, sink(asked).header("seen"), sink(asked).length) == (b"PAGE", "1", 4)


@pytest.mark.parametrize("tag", ['"v1"', 'W/"v1"', '"v0", "v1"', "*"])
def test_a_client_that_has_it_already_is_told_so(tag: str) -> None:
    asked = exchange(headers={"if-none-match": tag})
    at_once(asked, PAGE)
    got = sink(asked)
    assert (got.status, got.body, got.header("etag")) == (304, b"", '"v1"')
    assert got.header("content-type") is None


def test_a_client_that_has_another_version_gets_this_one() -> None:
    asked = exchange(headers={"if-none-match": '"v0"'})
    at_once(asked, PAGE)
    assert (sink(asked).status, sink(asked).body) == (200, b"page")


@pytest.mark.parametrize("paced", [True, False])
def test_what_comes_before_the_first_byte_is_all_that_is_ours(*, paced: bool) -> None:
    async def work() -> None:
        clock = MockClock()
        asked = call(clock=clock, stream=True)
        assert asked.call is not None
        clock.advance(0.25)
        task = asyncio.ensure_future(replay(asked, STREAM, paced=paced))
        await turns()
        for _ in range(3):
            clock.advance(1)
            await turns()
        await task
        assert overhead_ms(asked, asked.call) == 250.0
        assert asked.call.first_token_at
        assert client(asked).header("sluicegate-cost") is None

    asyncio.run(work())


def test_an_answer_of_before_who_had_answered_was_kept_is_read() -> None:
    older = list(msgspec.structs.astuple(PAGE))[:-2]
    assert read(msgspec.msgpack.encode(older)) == PAGE
