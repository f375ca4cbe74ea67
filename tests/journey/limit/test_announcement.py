"""What is announced, number by number; where it is seen is in `test_rate_limit`."""

from __future__ import annotations

import http_sf

from sluicegate.exchange import Response
from sluicegate.headers import Headers
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.announcement import Announcement, seconds
from sluicegate.journey.limit.rule import Limits
from sluicegate.state.contract import Group, Limit, Outcome
from support.exchanges import exchange

GROUP = Group("p", [Limit("a", FixedWindow(5, 1_000_000)), Limit("b", FixedWindow(9, 60_000_000))])
LIMITS = Limits(GROUP, ["a", "b"], ["5/second", "9/minute"], '"a";q=5;w=1, "b";q=9;w=60', None)
ONE = Limits(Group("q", [Limit("a", FixedWindow(5, 1_000_000))]), ["a"], ["5/second"], "x", None)
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


def test_of_limits_of_several_policies_the_one_with_the_smallest_part_left_is_shown() -> None:
    asked = exchange()
    asked.response = Response(200, Headers(), 0)
    money = Outcome(True, 10_000, 700, 0, 0)
    for outcome in (Outcome(True, 5, 4, 0, 0), money, Outcome(True, 5, 2, 0, 0)):
        Announcement(ONE, [outcome], "").write(asked)
    headers = asked.response.headers
    assert headers.get_all(b"x-ratelimit-limit") == [b"10000"]
    assert headers.get_all(b"x-ratelimit-remaining") == [b"700"]
    assert headers.get_all(b"ratelimit") == [b'"a";r=4;t=0', b'"a";r=700;t=0', b'"a";r=2;t=0']


def test_several_policies_are_written_in_their_order_in_one_hook() -> None:
    asked = exchange()
    asked.response = Response(200, Headers([(b"ratelimit", b"theirs")]), 0)
    last = Announcement(ONE, [Outcome(True, 5, 2, 0, 0)], "")
    uncounted = Announcement(ONE, [], "allow", last)
    Announcement(ONE, [Outcome(True, 5, 4, 0, 0)], "", uncounted).write(asked)
    headers = asked.response.headers
    assert headers.get_all(b"ratelimit") == [b'"a";r=4;t=0', b'"a";r=2;t=0']
    assert headers.get_all(b"x-ratelimit-remaining") == [b"2"]
    assert headers.get_all(b"sluicegate-degraded") == [b'"a";away=allow']


def test_what_the_target_says_of_limits_of_its_own_is_dropped() -> None:
    theirs = [(b"ratelimit", b"limit=5, remaining=1"), (b"x-ratelimit-remaining", b"1")]
    found = written(Headers([*theirs, (b"x-other", b"1")]), *ADMITS)
    assert found[b"ratelimit"] == b'"a";r=4;t=0, "b";r=8;t=0'
    assert found[b"x-ratelimit-remaining"] == b"4"
    assert found[b"x-other"] == b"1"


def test_an_exchange_without_a_response_is_left_alone() -> None:
    asked = exchange()
    Announcement(LIMITS, ADMITS, "").write(asked)
    assert asked.response is None


def test_seconds_are_rounded_up() -> None:
    assert [seconds(us) for us in (0, 1, 1_000_000, 1_000_001)] == [0, 1, 1, 2]
