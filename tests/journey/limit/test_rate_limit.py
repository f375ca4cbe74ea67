"""`rate_limit`: who is refused, when, and what they are told."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from sluicegate.journey.limit.rate_limit import Config, Policy
from sluicegate.model.units import convert
from sluicegate.policy import Parts
from support.exchanges import ClientSide, counted, exchange, parts, run, target
from support.mock_clock import EPOCH_US, MockClock


def made(clock: MockClock, *allow: str, **more: Any) -> tuple[Policy, Parts]:
    given = parts(clock)
    return Policy(convert({"allow": list(allow), **more}, Config), given), given


def call(policy: Policy, consumer: str = "ann", **more: Any) -> ClientSide:
    asked = exchange(**more)
    asked.consumer_name = consumer
    return run(policy, asked)


def test_past_the_limit_the_answer_is_429_until_the_announced_wait_is_over() -> None:
    clock = MockClock()
    policy, _ = made(clock, "1/minute burst 2")
    assert [call(policy).status for _ in range(3)] == [200, 200, 429]
    refused = call(policy)
    assert refused.header("retry-after") == "60"
    assert refused.problem()["type"] == "urn:sluicegate:problem:rate-limited"
    assert refused.problem()["detail"] == "the limit of 1/minute burst 2 is used up"
    clock.advance(59.999)
    assert call(policy).header("retry-after") == "1"
    clock.advance(0.001)
    assert call(policy).status == 200


def test_a_refused_request_never_goes_on() -> None:
    policy, _ = made(MockClock(), "1/day")
    call(policy)
    asked = exchange()
    asked.consumer_name = "ann"

    async def onward(_: object) -> None:
        raise AssertionError("went on")

    assert run(policy, asked, onward).status == 429


def test_every_answer_says_what_is_left() -> None:
    policy, _ = made(MockClock(EPOCH_US), "10/second burst 20", "500/minute")
    for sent in (call(policy), call(policy, "bob")):
        assert sent.header("ratelimit-policy") == (
            '"10-second-burst-20";q=10;w=1;burst=20, "500-minute";q=500;w=60'
        )
        # EPOCH_US is 20 s into its minute.
        assert sent.header("ratelimit") == '"10-second-burst-20";r=19;t=1, "500-minute";r=499;t=40'
        assert sent.header("x-ratelimit-limit") == "20"
        assert sent.header("x-ratelimit-remaining") == "19"
        assert sent.header("x-ratelimit-reset") == "1"


def test_a_refusal_says_it_too() -> None:
    policy, _ = made(MockClock(), "1/minute", "9/hour")
    call(policy)
    refused = call(policy)
    assert refused.status == 429
    assert refused.header("ratelimit") == '"1-minute";r=0;t=40, "9-hour";r=8;t=2800'
    assert refused.header("x-ratelimit-remaining") == "0"


def test_the_longest_wait_of_all_limits_that_refuse_is_announced() -> None:
    policy, _ = made(MockClock(), "1/minute", "1/hour", "1/second")
    call(policy)
    refused = call(policy)
    assert refused.header("retry-after") == "2800"
    assert "1/hour" in refused.problem()["detail"]


def test_a_refused_request_does_not_use_up_the_wider_limits() -> None:
    clock = MockClock()
    policy, _ = made(clock, "1/second", "3/day")
    statuses = []
    for _ in range(4):
        statuses += [call(policy).status, call(policy).status]
        clock.advance(1)
    assert statuses == [200, 429, 200, 429, 200, 429, 429, 429]


def test_consumers_do_not_share() -> None:
    policy, _ = made(MockClock(), "1/day")
    assert [call(policy, name).status for name in ("ann", "bob", "ann")] == [200, 200, 429]


def test_by_ip_two_consumers_at_one_address_share() -> None:
    policy, _ = made(MockClock(), "1/day", by="ip")
    assert [call(policy, name).status for name in ("ann", "bob")] == [200, 429]
    assert call(policy, client_ip="192.0.2.99").status == 200


def test_counts_survive_a_reload_that_leaves_the_limit_as_it_was() -> None:
    policy, given = made(MockClock(), "1/day")
    assert call(policy).status == 200
    again = Policy(Config(allow=[" 1 / day"]), given)
    assert call(again).status == 429
    assert call(Policy(Config(allow=["2/day"]), given)).status == 200


def test_a_plan_counts_once_over_all_routes_and_a_route_for_itself() -> None:
    given = parts(MockClock(), scope="plan:free")
    on_users, on_things = (Policy(Config(allow=["1/day"]), given) for _ in range(2))
    assert [call(on_users).status, call(on_things).status] == [200, 429]
    for scope in ("route:users", "route:things"):
        one = Policy(Config(allow=["1/day"]), dataclasses.replace(given, scope=scope))
        assert call(one).status == 200


def test_a_name_tells_two_limits_of_one_place_apart() -> None:
    given = parts(MockClock())
    one, other = (Policy(Config(allow=["1/day"], name=name), given) for name in ("a", "b"))
    assert [call(one).status, call(other).status] == [200, 200]
    assert '"b-1-day";r=0' in str(call(other).header("ratelimit"))


def test_the_older_headers_show_the_tightest_of_all_limits_on_the_way() -> None:
    given = parts(MockClock())
    wide = Policy(Config(allow=["100/day"], name="wide"), given)
    tight = Policy(Config(allow=["5/day"], name="tight"), given)
    for outer, inner in ((wide, tight), (tight, wide)):
        asked = exchange()
        sent = run(outer, asked, lambda asked, inner=inner: inner.handle(asked, target()))
        assert sent.header("x-ratelimit-limit") == "5"
        assert str(sent.header("ratelimit")).count(";r=") == 2


def test_a_services_own_older_headers_hold_only_where_they_are_tighter() -> None:
    policy, _ = made(MockClock(), "10/day")
    for theirs, shown in (("3", "3"), ("90", "8"), ("nonsense", "7")):
        asked = exchange()
        sent = run(policy, asked, target(200, {"x-ratelimit-remaining": theirs}))
        assert sent.header("x-ratelimit-remaining") == shown


def test_limits_by_different_headers_do_not_share() -> None:
    given = parts(MockClock())
    for by in ("header:x-a", "header:x-b"):
        policy = Policy(Config(allow=["1/day"], by=by), given)
        assert run(policy, exchange(headers={"x-a": "same", "x-b": "same"})).status == 200


def test_decisions_are_counted_by_place_and_limit() -> None:
    policy, given = made(MockClock(), "1/second", "5/day")
    for _ in range(3):
        call(policy)
    assert counted(given, "sluicegate_limit_admitted_total", "route:things") == 1
    assert counted(given, "sluicegate_limit_refused_total", "route:things", "1-second") == 2
    assert counted(given, "sluicegate_limit_refused_total", "route:things", "5-day") == 0


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({"allow": ["0/second"]}, "write at least `1/second`"),
        ({"allow": ["1/second", " 1/second"]}, "more than once"),
        ({"allow": ["999983/day burst 1000000"]}, "write at most 52124"),
        ({"allow": ["1/second"], "by": "user"}, "write consumer, ip"),
        ({"allow": ["1/second"], "by": []}, "`by` is empty"),
        ({"allow": []}, "Expected `array` of length >= 1"),
        ({"allow": ["1/second"], "name": 'a"b'}, "matching regex"),
    ],
)
def test_what_cannot_be_a_limit_is_refused(config: dict[str, Any], advice: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        convert(config, Config)
    assert advice in str(caught.value)
