"""Start lines and header lines as bytes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from mypy_extensions import mypyc_attr

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"

REASONS: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
REASONS[499] = b"Client Closed Request"


@mypyc_attr(native_class=False)
class StatusLines(dict[int, bytes]):
    """Status to `HTTP/1.1 200 OK` and CRLF."""

    def __missing__(self, status: int) -> bytes:
        """Write the line; there are at most 900 of them."""
        line = b"HTTP/1.1 %d %b\r\n" % (status, REASONS.get(status, b"Unknown"))
        self[status] = line
        return line


def fields(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Write header lines, each with its CRLF."""
    lines = [b": ".join(pair) for pair in headers]
    lines.append(b"")
    return b"\r\n".join(lines)


def last_chunk(trailers: list[tuple[bytes, bytes]] | None) -> bytes:
    """Write the end of a chunked body."""
    return b"0\r\n%b\r\n" % fields(trailers) if trailers else LAST_CHUNK
