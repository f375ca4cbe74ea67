"""Responses of targets, as an attempt is told of them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import UpstreamInvalid, UpstreamReset, UpstreamTimeout
from sluicegate.headers import Headers
from sluicegate.model.service import Timeouts
from sluicegate.model.units import Duration
from sluicegate.wire.deadlines import Deadlines
from sluicegate.wire.http1.client import NEVER, ClientConnection
from sluicegate.wire.http1.names import ResponseNames
from support.mock_clock import MockClock


class Transport:
    """A connected transport."""

    def __init__(self) -> None:
        self.written = b""
        self.aborted = False
        self.reading = True

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, pieces: list[bytes]) -> None:
        self.written += b"".join(pieces)

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Log:
    """Receiver and owner: notes what happened, in order."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.body = b""

    def on_informational(self, status: int, headers: Headers) -> None:
        self.events.append((status, list(headers)))

    def on_response(self, status: int, headers: Headers, length: int | None) -> None:
        self.events.append((status, list(headers), length))

    def on_data(self, data: bytes) -> None:
        self.body += data

    def on_pause(self) -> None:
        """Nothing is held back here."""

    def on_complete(self, trailers: Headers | None) -> None:
        self.events.append(("complete", trailers and list(trailers)))

    def on_error(self, error: Exception) -> None:
        self.events.append(type(error))

    def on_writable(self, writable: bool) -> None:  # noqa: FBT001 - the receiver's signature
        self.events.append(writable)

    def release(self, _: ClientConnection) -> None:
        self.events.append("kept")

    def lost(self, _: ClientConnection) -> None:
        self.events.append("lost")


class Wire:
    """A connection with a fake transport, and what came of it."""

    def __init__(self) -> None:
        self.clock = MockClock()
        self.log, self.transport = Log(), Transport()
        deadlines = Deadlines(self.clock)
        loop: Any = SimpleNamespace()
        self.connection = ClientConnection(self.log, deadlines, ResponseNames(), loop)
        self.connection.connection_made(self.transport)  # type: ignore[arg-type]
        deadlines.start()

    def ask(
        self, *, head_only: bool = False, whole: bool = True, chunked: bool = False, **times: float
    ) -> None:
        """Send a request head."""
        timeouts = Timeouts(**{name: Duration(value) for name, value in times.items()})
        limit_at = self.connection.deadlines.now + timeouts.total if timeouts.total else NEVER
        self.connection.start(
            self.log, b"HEAD", timeouts, limit_at, head_only=head_only, whole=whole, chunked=chunked
        )


def told(*pieces: bytes, head_only: bool = False) -> Wire:
    """Ask once and answer with these pieces."""

    async def work() -> Wire:
        wire = Wire()
        wire.ask(head_only=head_only)
        for piece in pieces:
            wire.connection.data_received(piece)
        return wire

    return asyncio.run(work())


WHOLE = {
    "length": (b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello", 5, None),
    "chunks": (
        (
            b"HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nhe\r\n3;x\r\nllo\r\n0\r\nX-T: 1\r\nHost: no\r\n\r\n"
        ),
        None,
        [(b"x-t", b"1")],
    ),
}


@pytest.mark.parametrize("form", WHOLE)
@given(data=st.data())
def test_a_response_is_the_same_however_it_is_cut(form: str, data: st.DataObject) -> None:
    raw, length, trailers = WHOLE[form]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1), max_size=6)))
    wire = told(*(raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)))
    assert wire.log.events == [(200, [(b"x-a", b"b")], length), "kept", ("complete", trailers)]
    assert wire.log.body == b"hello"


def test_a_body_goes_out_in_the_framing_that_was_announced() -> None:
    async def work() -> None:
        for chunked, sent in ((True, b"HEAD2\r\nab\r\n0\r\nt: 1\r\n\r\n"), (False, b"HEADab")):
            wire = Wire()
            wire.ask(whole=False, chunked=chunked)
            wire.connection.write_body(b"ab")
            wire.connection.write_end(Headers([(b"t", b"1")]))
            assert wire.transport.written == sent

    asyncio.run(work())


def test_a_response_before_the_request_was_sent_does_not_keep_the_connection() -> None:
    async def work() -> None:
        wire = Wire()
        wire.ask(whole=False)
        wire.connection.data_received(WHOLE["length"][0])
        assert wire.log.events[-1] == ("complete", None)
        assert "kept" not in wire.log.events
        assert wire.transport.aborted

    asyncio.run(work())


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_connection_that_the_target_will_close_is_not_kept(raw: bytes) -> None:
    wire = told(raw)
    assert "kept" not in wire.log.events
    assert wire.transport.aborted


def test_what_connection_names_is_dropped_over_all_its_fields() -> None:
    raw = (
        b"HTTP/1.1 204 No Content\r\nConnection: x-a\r\nX-A: 1\r\nX-B: 2\r\nX-C: 3\r\n"
        b"Connection: keep-alive, X-B\r\n\r\n"
    )
    assert told(raw).log.events[0] == (204, [(b"x-c", b"3")], None)


def test_only_a_clean_end_ends_a_body_without_a_length() -> None:
    async def work() -> None:
        for exc, last in ((None, ("complete", None)), (OSError(), UpstreamReset)):
            wire = Wire()
            wire.ask()
            wire.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nabc")
            if exc is None:
                wire.connection.eof_received()
            wire.connection.connection_lost(exc)
            assert wire.log.body == b"abc"
            assert [event for event in wire.log.events if event != "lost"][-1] == last

    asyncio.run(work())


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"",
    ],
)
def test_an_end_before_the_end_is_an_error(raw: bytes) -> None:
    async def work() -> None:
        wire = Wire()
        wire.ask()
        if raw:
            wire.connection.data_received(raw)
        wire.connection.eof_received()
        wire.connection.connection_lost(None)
        assert UpstreamReset in wire.log.events
        assert ("complete", None) not in wire.log.events

    asyncio.run(work())


def test_bytes_while_idle_close_the_connection() -> None:
    async def work() -> None:
        wire = Wire()
        wire.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert wire.transport.aborted
        assert wire.connection.closed

    asyncio.run(work())


def test_an_abandoned_attempt_hears_nothing_more() -> None:
    async def work() -> None:
        wire = Wire()
        wire.ask()
        wire.connection.abandon()
        wire.connection.data_received(WHOLE["length"][0])
        wire.connection.connection_lost(None)
        assert wire.log.events == ["lost"]

    asyncio.run(work())


def test_a_silent_target_times_out_by_the_bound_that_is_next() -> None:
    async def work() -> None:
        wire = Wire()
        wire.ask(first_byte=5, idle=9, total=30)
        wire.clock.advance(4.9)
        assert wire.log.events == []
        wire.clock.advance(0.3)
        assert wire.log.events == [UpstreamTimeout]

    asyncio.run(work())


def test_silence_while_reading_is_paused_is_our_own() -> None:
    async def work() -> None:
        wire = Wire()
        wire.ask(idle=5)
        wire.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        wire.connection.pause()
        assert not wire.transport.reading
        wire.clock.advance(100)
        assert UpstreamTimeout not in wire.log.events
        wire.connection.resume()
        assert wire.transport.reading
        wire.clock.advance(6)
        assert wire.log.events[-1] is UpstreamTimeout

    asyncio.run(work())


def test_a_connection_goes_back_reading_even_when_its_client_was_slow() -> None:
    async def work() -> None:
        wire = Wire()
        wire.ask()
        wire.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        wire.connection.pause()
        wire.connection.data_received(b"def")
        assert "kept" in wire.log.events
        assert wire.transport.reading

    asyncio.run(work())


def test_more_than_a_response_is_an_intruder() -> None:
    wire = told(WHOLE["length"][0] + WHOLE["length"][0])
    assert wire.log.events[-1] == ("complete", None)
    assert wire.log.body == b"hello"
    assert wire.transport.aborted


def test_a_body_behind_a_head_response_is_an_intruder() -> None:
    wire = told(WHOLE["length"][0], head_only=True)
    assert wire.log.body == b""
    assert wire.transport.aborted


def test_a_second_coding_is_refused() -> None:
    raw = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    assert told(raw).log.events == [UpstreamInvalid]
