"""Bytes of a target to responses, however they are cut into pieces."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.front import Front, front
from support.upstreams import Talk

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
RESPONSE = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nX-A: b\r\nConnection: X-Hop\r\nX-Hop: c\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-T: 1\r\nSet-Cookie: no\r\n\r\n"
)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Return a gateway before an upstream that cuts its response where `places` says."""

    async def pieces(talk: Talk) -> None:
        while True:
            await talk.request()
            for start, end in pairwise(running.places):  # type: ignore[attr-defined]
                await talk.send(RESPONSE[start:end])

    with front(tmp_path_factory.mktemp("responses"), pieces) as running:
        yield running


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, len(RESPONSE) - 1), max_size=8))
def test_a_response_is_the_same_however_it_is_cut(at: Front, cuts: set[int]) -> None:
    at.places = [0, *sorted(cuts), len(RESPONSE)]  # type: ignore[attr-defined]
    with at.connect() as client:
        for _ in range(2):
            client.send(GET)
            assert client.head().get("link") == "</a>"
            answer = client.answer()
            assert (answer.status, answer.body, answer.get("x-a")) == (200, b"abcdefg", "b")
            assert answer.get("x-hop") is None
            assert answer.trailers == [("x-t", "1")]
    assert at.upstream.open == 1


def test_one_byte_at_a_time_is_enough(at: Front) -> None:
    at.places = list(range(len(RESPONSE) + 1))  # type: ignore[attr-defined]
    with at.connect() as client:
        assert client.request(GET).body == b"abcdefg"
