"""How responses are framed towards the client: what the other side used plays no part."""

from __future__ import annotations

from typing import Any

import pytest

from sluicegate.exchange import Exchange, Response
from sluicegate.headers import Headers
from sluicegate.wire.http1.lines import StatusLines
from sluicegate.wire.http1.response import ResponseWriter
from support.exchanges import body, exchange


class Context:
    """As much of a context as a writer asks for."""

    draining = False
    status_lines = StatusLines()

    def tail_lines(self, _: str, dated: bool) -> bytes:  # noqa: FBT001 - the context's signature
        return b"dated\r\n\r\n" if dated else b"tail\r\n\r\n"


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, pieces: list[bytes]) -> None:
        self.written += b"".join(pieces)

    def get_extra_info(self, _: str) -> None:
        return None

    def abort(self) -> None:
        self.aborted = True


def writer() -> tuple[ResponseWriter, Transport]:
    """Return a writer and where it writes."""
    context: Any = Context()
    made, transport = ResponseWriter(context), Transport()
    made.transport = transport  # type: ignore[assignment]
    return made, transport


def written(
    asked: Exchange,
    status: int,
    length: int | None,
    *pieces: bytes,
    trailers: Headers | None = None,
) -> bytes:
    """Send a whole response and return its bytes."""
    made, transport = writer()
    asked.response = Response(status, Headers([(b"x-a", b"b")]), length)
    made.send_head(asked)
    for piece in pieces:
        made.send_body(piece)
    made.send_end(trailers)
    return transport.written


def asks(method: str = "GET", version: str = "1.1") -> Exchange:
    asked = exchange(method)
    asked.request.version = version
    return asked


def test_a_known_length_is_announced() -> None:
    assert written(asks(), 200, 3, b"ab", b"c") == (
        b"HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 3\r\ntail\r\n\r\nabc"
    )


def test_an_unknown_length_is_chunked_with_trailers() -> None:
    assert written(asks(), 200, None, b"ab", b"", b"c" * 10, trailers=Headers([(b"t", b"1")])) == (
        b"HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\ntail\r\n\r\n"
        b"2\r\nab\r\na\r\ncccccccccc\r\n0\r\nt: 1\r\n\r\n"
    )


def test_for_http_1_0_an_unknown_length_ends_with_the_connection() -> None:
    asked = asks(version="1.0")
    assert written(asked, 200, None, b"ab") == (
        b"HTTP/1.1 200 OK\r\nx-a: b\r\nconnection: close\r\ntail\r\n\r\nab"
    )
    assert not asked.keep_alive


def test_http_1_0_is_told_that_its_connection_is_kept() -> None:
    assert b"\r\nconnection: keep-alive\r\n" in written(asks(version="1.0"), 200, 0)


@pytest.mark.parametrize(
    ("method", "status", "length", "announced"),
    [
        ("HEAD", 200, 9, True),
        ("HEAD", 200, None, False),
        ("GET", 204, 0, False),
        ("GET", 304, 9, True),
        ("GET", 304, None, False),
    ],
)
def test_what_has_no_body_gets_none(
    method: str, status: int, length: int | None, *, announced: bool
) -> None:
    raw = written(asks(method), status, length, b"never")
    assert raw.endswith(b"tail\r\n\r\n")
    assert (b"content-length: 9" in raw) is announced
    assert b"transfer-encoding" not in raw


@pytest.mark.parametrize(
    ("length", "received", "kept"),
    [(10, 0, True), (65536, 0, True), (65537, 0, False), (70000, 5000, True), (None, 0, False)],
)
def test_a_connection_with_an_unread_body_is_kept_when_little_is_left(
    length: int | None, received: int, *, kept: bool
) -> None:
    asked = asks("POST")
    asked.request.body = body(b"a" * received, length)
    assert (b"connection: close" not in written(asked, 401, 0)) is kept


def test_a_draining_worker_says_so() -> None:
    made, transport = writer()
    made._context.draining = True
    asked = asks()
    asked.response = Response(200, Headers(), 0)
    made.send_head(asked)
    made.send_end(None)
    assert b"\r\nconnection: close\r\n" in transport.written


def test_an_informational_response_comes_at_once() -> None:
    made, transport = writer()
    made.send_informational(103, Headers([(b"link", b"</a>")]))
    assert transport.written == b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"


def test_a_dated_response_keeps_its_date() -> None:
    made, transport = writer()
    asked = asks()
    asked.response = Response(200, Headers([(b"date", b"then")]), 0, dated=True)
    made.send_head(asked)
    made.send_end(None)
    assert transport.written.endswith(b"date: then\r\ncontent-length: 0\r\ndated\r\n\r\n")


def test_a_cut_ends_the_connection_at_once() -> None:
    made, transport = writer()
    asked = asks()
    asked.response = Response(200, Headers(), None)
    made.send_head(asked)
    made.cut()
    assert transport.aborted
    assert not transport.written.endswith(b"0\r\n\r\n")
