"""Bytes of a client to requests, however they are cut into pieces."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.front import Front, front
from support.upstreams import echo

REQUESTS = (
    b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
    b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    b"POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-T: 1\r\n\r\n"
    b"POST /4 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
    b"Content-Length: 3\r\n\r\nxyz"
    b"GET /5 HTTP/1.1\r\nHost: a\r\n\r\n"
)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Return a gateway before an upstream that answers with what it got."""
    with front(tmp_path_factory.mktemp("reader"), echo) as running:
        yield running


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(1, len(REQUESTS) - 1), max_size=8))
def test_requests_are_the_same_however_they_are_cut(at: Front, cuts: set[int]) -> None:
    before = len(at.upstream.requests)
    with at.connect() as client:
        places = [0, *sorted(cuts), len(REQUESTS)]
        for start, end in pairwise(places):
            client.send(REQUESTS[start:end])
            at.do(lambda: None)
        assert [client.answer().status for _ in range(5)] == [200] * 5
        assert client.request(b"GET /6 HTTP/1.1\r\nHost: a\r\n\r\n").status == 200
    seen = at.upstream.requests[before:]
    assert [each.target for each in seen] == [b"/%d" % number for number in range(1, 7)]
    assert [each.body for each in seen] == [b"", b"hello", b"abcdefg", b"xyz", b"", b""]
    assert seen[2].trailers == [(b"x-t", b"1")]


def test_one_byte_at_a_time_is_enough(at: Front) -> None:
    before = len(at.upstream.requests)
    with at.connect() as client:
        for byte in REQUESTS:
            client.send(bytes([byte]))
        assert [client.answer().status for _ in range(5)] == [200] * 5
    assert [each.body for each in at.upstream.requests[before:]] == [
        b"", b"hello", b"abcdefg", b"xyz", b""
    ]  # fmt: skip
