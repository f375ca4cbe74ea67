"""What is announced, number by number; where it is seen is in `test_rate_limit`."""

from __future__ import annotations

import pytest

from sluicegate.exchange import Response
from sluicegate.headers import Headers
from sluicegate.journey.limit.announcement import Announcement, Wording, seconds
from sluicegate.state.contract import Outcome
from support.exchanges import exchange

WORDING = Wording('"a";q=5;w=1, "b";q=9;w=60', ["a", "b"])


def written(headers: Headers, *outcomes: Outcome) -> dict[bytes, bytes]:
    asked = exchange()
    asked.response = Response(200, headers, 0)
    Announcement(WORDING, list(outcomes)).write(asked)
    assert len({name for name, _ in headers}) == len(headers), "a header is there twice"
    return dict(headers)


def test_every_limit_is_named_and_the_tightest_is_in_the_older_headers() -> None:
    found = written(Headers(), Outcome(True, 5, 4, 200_000, 0), Outcome(False, 9, 0, 59_000_001, 1))
    assert found == {
        b"ratelimit-policy": b'"a";q=5;w=1, "b";q=9;w=60',
        b"ratelimit": b'"a";r=4;t=1, "b";r=0;t=60',
        b"x-ratelimit-limit": b"9",
        b"x-ratelimit-remaining": b"0",
        b"x-ratelimit-reset": b"60",
    }


@pytest.mark.parametrize(("said", "shown"), [(b"3", b"3"), (b"5", b"4"), (b"-1", b"4")])
def test_older_headers_that_are_there_stay_where_they_are_tighter(
    said: bytes, shown: bytes
) -> None:
    there = Headers([(b"x-ratelimit-remaining", said)])
    found = written(there, Outcome(True, 5, 4, 0, 0), Outcome(True, 9, 8, 0, 0))
    assert found[b"x-ratelimit-remaining"] == shown


def test_an_exchange_without_a_response_is_left_alone() -> None:
    asked = exchange()
    Announcement(WORDING, [Outcome(True, 5, 4, 0, 0)]).write(asked)
    assert asked.response is None


def test_seconds_are_rounded_up() -> None:
    assert [seconds(us) for us in (0, 1, 1_000_000, 1_000_001)] == [0, 1, 1, 2]
