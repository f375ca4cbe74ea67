"""The body of a request, between a connection and whoever reads it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import BODY_TOO_LARGE, CLIENT_TIMEOUT, Refused
from sluicegate.headers import Headers
from sluicegate.wire.body import HIGH_WATER, RequestBody


class Source:
    """A connection that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause_body(self) -> None:
        self.told.append("pause")

    def resume_body(self) -> None:
        self.told.append("resume")

    def send_continue(self) -> None:
        self.told.append("100")


class Reader:
    """A consumer that notes what it gets."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.trailers: Headers | None = None
        self.ended = False
        self.error: Refused | None = None

    def body_data(self, data: bytes) -> None:
        self.got.append(data)

    def body_end(self, trailers: Headers | None) -> None:
        self.ended, self.trailers = True, trailers

    def body_failed(self, error: Refused) -> None:
        self.error = error


def body(length: int | None = None, limit: int = 0, *, expects: bool = False) -> RequestBody:
    return RequestBody(Source(), length, limit, expects_continue=expects)


def told(made: RequestBody) -> list[str]:
    assert isinstance(made.source, Source)
    return made.source.told


@given(pieces=st.lists(st.binary(min_size=1, max_size=9)), at=st.integers(0, 9), end=st.booleans())
def test_a_reader_gets_every_byte_once_and_in_order_whenever_it_attaches(
    pieces: list[bytes], at: int, *, end: bool
) -> None:
    made, reader = body(), Reader()
    for number, piece in enumerate(pieces):
        if number == at:
            made.attach(reader)
        made.feed(piece)
    trailers = Headers([(b"a", b"b")])
    if end:
        made.end(trailers)
    if at >= len(pieces):
        made.attach(reader)
    assert b"".join(reader.got) == b"".join(pieces)
    assert made.received == len(b"".join(pieces))
    assert reader.ended is end
    assert reader.trailers is (trailers if end else None)


def test_a_body_that_nobody_reads_is_not_piled_up() -> None:
    made = body()
    made.feed(b"a" * (HIGH_WATER - 1))
    assert told(made) == []
    made.feed(b"a")
    assert told(made) == ["pause"]
    made.attach(Reader())
    assert told(made) == ["pause", "resume"]


def test_100_continue_is_sent_when_the_body_is_wanted_and_once() -> None:
    made = body(5, expects=True)
    assert told(made) == []
    made.attach(Reader())
    made.attach(Reader())
    assert told(made).count("100") == 1


def test_100_continue_is_not_sent_for_what_is_there_already() -> None:
    made = body(5, expects=True)
    made.feed(b"abc")
    made.attach(Reader())
    assert "100" not in told(made)


def test_a_body_past_its_limit_fails_its_reader_with_413() -> None:
    made, reader = body(limit=4), Reader()
    made.attach(reader)
    made.feed(b"abcd")
    assert reader.error is None
    made.feed(b"e")
    made.feed(b"f")
    assert reader.error is not None
    assert reader.error.problem is BODY_TOO_LARGE
    assert reader.got == [b"abcd"]
    with pytest.raises(Refused):
        made.attach(Reader())


def test_an_announced_length_past_the_limit_is_known_at_once() -> None:
    assert body(4, limit=4).check_length() is None
    assert body(5, limit=0).check_length() is None
    error = body(5, limit=4).check_length()
    assert error is not None
    assert error.problem.status == 413


def test_the_end_of_a_failed_body_is_not_told() -> None:
    made, reader = body(), Reader()
    made.attach(reader)
    made.fail(Refused(CLIENT_TIMEOUT))
    made.end(None)
    assert not reader.ended


def test_a_body_that_was_put_back_is_read_again_from_its_start() -> None:
    made, first, second = body(), Reader(), Reader()
    made.attach(first)
    made.feed(b"ab")
    made.put_back([b"ab"])
    made.feed(b"cd")
    made.attach(second)
    made.feed(b"ef")
    assert first.got == [b"ab"]
    assert b"".join(second.got) == b"abcdef"


def test_what_was_let_go_is_dropped() -> None:
    made, reader = body(), Reader()
    made.attach(reader)
    made.detach()
    made.feed(b"a")
    made.end(None)
    assert reader.got == []
    assert not reader.ended


def test_a_stage_may_read_the_whole_body_and_the_next_one_gets_it_too() -> None:
    async def work() -> None:
        made, reader = body(), Reader()
        made.feed(b"ab")
        task = asyncio.ensure_future(made.read(10))
        await asyncio.sleep(0)
        made.feed(b"cd")
        made.end(Headers([(b"t", b"1")]))
        assert await task == b"abcd"
        made.attach(reader)
        assert b"".join(reader.got) == b"abcd"
        assert reader.ended
        assert reader.trailers == [(b"t", b"1")]

    asyncio.run(work())


def test_reading_a_body_that_is_too_large_or_fails_says_why() -> None:
    async def work() -> None:
        for spoil, problem in (
            (lambda it: it.feed(b"abc"), BODY_TOO_LARGE),
            (lambda it: it.fail(Refused(CLIENT_TIMEOUT)), CLIENT_TIMEOUT),
        ):
            made = body()
            task = asyncio.ensure_future(made.read(2))
            await asyncio.sleep(0)
            spoil(made)
            with pytest.raises(Refused) as error:
                await task
            assert error.value.problem is problem

    asyncio.run(work())


@given(pieces=st.lists(st.binary(min_size=1, max_size=9)), at=st.integers(0, 9), end=st.booleans())
def test_a_tee_sees_every_byte_once_whatever_is_done_with_them(
    pieces: list[bytes], at: int, *, end: bool
) -> None:
    made, tee, other = body(), Reader(), Reader()
    for number, piece in enumerate(pieces):
        if number == at:
            made.tee(tee)
            made.tee(other)
            made.attach(first := Reader())
            made.put_back(first.got)  # an attempt failed, and another one begins
            made.attach(Reader())
        made.feed(piece)
    if end:
        made.end(None)
    if at >= len(pieces):
        made.tee(tee)
        made.tee(other)
    assert b"".join(tee.got) == b"".join(other.got) == b"".join(pieces)
    assert tee.ended is other.ended is end


def test_a_tee_alone_asks_for_nothing() -> None:
    made = body(5, expects=True)
    made.tee(Reader())
    assert told(made) == []


def test_a_tee_learns_that_the_rest_will_not_come() -> None:
    made, tee, late = body(), Reader(), Reader()
    made.tee(tee)
    made.fail(Refused(CLIENT_TIMEOUT))
    made.end(None)
    made.tee(late)
    assert tee.error is late.error is made.error
    assert not tee.ended


def test_a_body_that_was_read_may_be_replaced() -> None:
    async def work() -> None:
        made, tee, reader = body(4), Reader(), Reader()
        made.feed(b"abcd")
        made.end(Headers([(b"t", b"1")]))
        assert await made.read(10) == b"abcd"
        made.replace(b"longer")
        assert (made.length, made.received) == (6, 4)
        made.tee(tee)
        made.attach(reader)
        assert tee.got == reader.got == [b"longer"]
        assert reader.ended
        assert reader.trailers is None

    asyncio.run(work())


def test_a_body_that_is_not_whole_yet_cannot_be_replaced() -> None:
    with pytest.raises(RuntimeError):
        body().replace(b"a")


def test_a_consumer_that_is_full_at_once_is_given_no_more() -> None:
    class Full(Reader):
        def body_data(self, data: bytes) -> None:
            super().body_data(data)
            made.source.pause_body()

    made = body()
    made.feed(b"much")
    made.attach(Full())
    assert told(made)[-1] == "pause"
