"""Start lines and header lines."""

from __future__ import annotations

from sluicegate.headers import Headers
from sluicegate.wire.http1.lines import StatusLines, fields, last_chunk


def test_a_status_line_has_the_standard_reason() -> None:
    lines = StatusLines()
    assert lines[200] == b"HTTP/1.1 200 OK\r\n"
    assert lines[499] == b"HTTP/1.1 499 Client Closed Request\r\n"
    assert lines[799] == b"HTTP/1.1 799 Unknown\r\n"
    assert lines[200] is lines[200]


def test_fields_are_lines_in_order() -> None:
    assert fields([(b"a", b"1"), (b"b", b"")]) == b"a: 1\r\nb: \r\n"
    assert fields([]) == b""


def test_the_last_chunk_holds_the_trailers() -> None:
    assert last_chunk(None) == last_chunk(Headers()) == b"0\r\n\r\n"
    assert last_chunk([(b"x-sum", b"1")]) == b"0\r\nx-sum: 1\r\n\r\n"
