"""What is announced, number by number; where it is seen is in `test_rate_limit`."""

from __future__ import annotations

import http_sf
import pytest

from sluicegate.exchange import Response
from sluicegate.headers import Headers
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.announcement import Announcement, seconds
from sluicegate.journey.limit.rule import Limits
from sluicegate.state.contract import Group, Limit, Outcome
from support.exchanges import exchange

GROUP = Group("p", [Limit("a", FixedWindow(5, 1_000_000)), Limit("b", FixedWindow(9, 60_000_000))])
LIMITS = Limits(GROUP, ["a", "b"], ["5/second", "9/minute"], '"a";q=5;w=1, "b";q=9;w=60', None)
ADMITS = [Outcome(True, 5, 4, 0, 0), Outcome(True, 9, 8, 0, 0)]


def written(headers: Headers, *outcomes: Outcome, degraded: str = "") -> dict[bytes, bytes]:
    asked = exchange()
    asked.response = Response(200, headers, 0)
    Announcement(LIMITS, list(outcomes), degraded).write(asked)
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


def test_the_fields_are_structured_ones() -> None:
    found = written(Headers(), *ADMITS, degraded="share")
    assert http_sf.parse(found[b"ratelimit"], tltype="list") == [
        ("a", {"r": 4, "t": 0}),
        ("b", {"r": 8, "t": 0}),
    ]
    assert http_sf.parse(found[b"ratelimit-policy"], tltype="list") == [
        ("a", {"q": 5, "w": 1}),
        ("b", {"q": 9, "w": 60}),
    ]
    degraded = http_sf.parse(found[b"sluicegate-degraded"], tltype="list")
    assert [(name, str(said["away"])) for name, said in degraded] == [
        ("a", "share"),
        ("b", "share"),
    ]


def test_what_was_not_counted_is_said_without_numbers() -> None:
    assert written(Headers(), degraded="allow") == {
        b"sluicegate-degraded": b'"a";away=allow, "b";away=allow'
    }


@pytest.mark.parametrize(("said", "shown"), [(b"3", b"3"), (b"5", b"4"), (b"-1", b"4")])
def test_older_headers_that_are_there_stay_where_they_are_tighter(
    said: bytes, shown: bytes
) -> None:
    there = Headers([(b"x-ratelimit-remaining", said)])
    found = written(there, *ADMITS)
    assert found[b"x-ratelimit-remaining"] == shown


def test_an_exchange_without_a_response_is_left_alone() -> None:
    asked = exchange()
    Announcement(LIMITS, ADMITS, "").write(asked)
    assert asked.response is None


def test_seconds_are_rounded_up() -> None:
    assert [seconds(us) for us in (0, 1, 1_000_000, 1_000_001)] == [0, 1, 1, 2]
