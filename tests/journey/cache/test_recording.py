from __future__ import annotations

import pytest

from sluicegate.exchange import Response
from sluicegate.headers import Headers
from sluicegate.journey.cache.recording import MISS, Recording, stays
from support.mock_clock import MockClock


def response(status: int = 200, length: int | None = None) -> Response:
    return Response(status, Headers([(b"a", b"b")]), length)


def test_pieces_are_kept_with_the_time_between_them() -> None:
    clock = MockClock()
    seen = Recording(clock, 1000)
    head = response()
    seen.head(head)
    clock.advance(0.5)
    seen.chunk(b"one")
    clock.advance(0.25)
    seen.chunk(b"two")
    assert not seen.whole
    seen.end()
    assert seen.whole
    assert (seen.pieces, seen.gaps_us) == ([b"one", b"two"], [500_000, 250_000])
    assert (seen.headers, head.headers) == ([(b"a", b"b")], [(b"a", b"b"), MISS])


def test_what_comes_after_the_end_is_not_looked_at() -> None:
    seen = Recording(MockClock(), 1000)
    seen.head(response())
    seen.chunk(b"one")
    seen.end()
    seen.chunk(b"changed by a policy")
    seen.end()
    assert seen.pieces == [b"one"]
    assert seen.whole


def test_a_second_head_begins_anew() -> None:
    seen = Recording(MockClock(), 1000)
    seen.head(response())
    seen.chunk(b"dropped")
    seen.end()
    seen.head(response(500))
    seen.chunk(b"error")
    seen.end()
    assert not seen.whole


@pytest.mark.parametrize("length", [None, 2000])
def test_what_is_too_large_is_let_go_of(length: int | None) -> None:
    seen = Recording(MockClock(), 1000)
    seen.head(response(length=length))
    seen.chunk(b"x" * 600)
    seen.chunk(b"x" * 600)
    seen.end()
    assert (seen.whole, seen.large, seen.pieces) == (False, True, [])


def test_many_small_pieces_count_with_what_each_takes() -> None:
    seen = Recording(MockClock(), 1000)
    seen.head(response())
    for _ in range(100):
        seen.chunk(b"x")
    assert seen.large


def test_headers_that_are_of_one_answer_only_do_not_stay() -> None:
    names = [b"content-type", b"age", b"sluicegate-cost", b"sluicegate-model", b"x-litellm-cost"]
    assert [stays(name) for name in names] == [True, False, False, True, False]
