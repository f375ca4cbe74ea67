"""`rate_limit`: who is refused, when, and what they are told."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sluicegate.journey.limit.rate_limit import Config, Policy
from sluicegate.model.consumer import Consumer
from sluicegate.model.units import convert
from sluicegate.policy import Parts
from support.exchanges import ClientSide, body, counted, exchange, parts, run, target
from support.mock_clock import EPOCH_US, MockClock

Onward = Any


def made(clock: MockClock, *allow: str, **more: Any) -> tuple[Policy, Parts]:
    given = parts(clock)
    return Policy(convert({"allow": list(allow), **more}, Config), given), given


def call(policy: Policy, consumer: str = "ann", onward: Onward = None, **more: Any) -> ClientSide:
    asked = exchange(**more)
    asked.consumer_name = consumer
    return run(policy, asked, onward)


def statuses(policy: Policy, count: int, **more: Any) -> list[int]:
    return [call(policy, **more).status for _ in range(count)]


def test_past_the_limit_the_answer_is_429_until_the_announced_wait_is_over() -> None:
    clock = MockClock()
    policy, _ = made(clock, "1/minute burst 2")
    assert statuses(policy, 3) == [200, 200, 429]
    refused = call(policy)
    assert refused.header("retry-after") == "60"
    assert refused.problem()["detail"] == "the limit of 1/minute burst 2 is used up"
    clock.advance(59.999)
    assert call(policy).header("retry-after") == "1"
    clock.advance(0.001)
    assert call(policy).status == 200


def test_a_refused_request_never_goes_on() -> None:
    policy, _ = made(MockClock(), "1/day")
    call(policy)

    async def onward(_: object) -> None:
        raise AssertionError("went on")

    assert call(policy, onward=onward).status == 429


def test_every_answer_says_what_is_left() -> None:
    policy, _ = made(MockClock(EPOCH_US), "10/second burst 20", "500/minute")
    for sent in (call(policy), call(policy, "bob")):
        assert sent.header("ratelimit-policy") == (
            '"10-second-burst-20";q=10;w=1;burst=20, "500-minute";q=500;w=60'
        )
        # EPOCH_US is 20 s into its minute.
        assert sent.header("ratelimit") == '"10-second-burst-20";r=19;t=1, "500-minute";r=499;t=40'


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
    found = []
    for _ in range(4):
        found += statuses(policy, 2)
        clock.advance(1)
    assert found == [200, 429, 200, 429, 200, 429, 429, 429]


def test_consumers_do_not_share() -> None:
    policy, _ = made(MockClock(), "1/day")
    assert [call(policy, name).status for name in ("ann", "bob", "ann")] == [200, 200, 429]


def test_by_ip_two_consumers_at_one_address_share() -> None:
    policy, _ = made(MockClock(), "1/day", by="ip")
    assert [call(policy, name).status for name in ("ann", "bob")] == [200, 429]
    assert call(policy, client_ip="192.0.2.99").status == 200


def test_a_limit_changed_at_run_time_keeps_its_counts() -> None:
    policy, given = made(MockClock(), "3/day")
    assert statuses(policy, 2) == [200, 200]
    raised = Policy(Config(allow=[" 5 / day"]), given)
    assert statuses(raised, 4) == [200, 200, 200, 429]
    assert call(Policy(Config(allow=["4/day"]), given)).status == 429


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


def test_limits_by_different_headers_do_not_share() -> None:
    given = parts(MockClock())
    for by in ("header:x-a", "header:x-b"):
        policy = Policy(Config(allow=["1/day"], by=by), given)
        assert call(policy, headers={"x-a": "same", "x-b": "same"}).status == 200


def test_shadow_refuses_nobody_and_counts_whom_it_would_have() -> None:
    policy, given = made(MockClock(), "1/day", shadow=True)
    assert statuses(policy, 3) == [200, 200, 200]
    family = "sluicegate_limit_shadow_refused_total"
    assert counted(given, family, "route:things", "1-day") == 2
    assert call(policy).header("ratelimit") is None


def test_bytes_of_both_bodies_are_charged() -> None:
    policy, _ = made(MockClock(), "1000/day", unit="bytes")
    upload = body(b"x" * 600, length=600)
    assert call(policy, request_body=upload, onward=target(200, data=b"y" * 300)).status == 200
    assert '"1000-day";r=99;' in str(call(policy).header("ratelimit"))
    large = body(b"x" * 200, length=200)
    assert call(policy, request_body=large).status == 429


def test_tokens_are_what_the_target_says_and_the_client_does_not_see_it() -> None:
    policy, _ = made(MockClock(), "100/day", unit="tokens", cost_header="X-Tokens", reserve=10)
    sent = call(policy, onward=target(200, {"x-tokens": "70"}))
    assert sent.header("x-tokens") is None
    assert '"100-day-tokens";r=90;' in str(sent.header("ratelimit"))
    assert '"100-day-tokens";r=20;' in str(call(policy).header("ratelimit"))


def test_money_is_counted_to_a_thousand_millionth() -> None:
    policy, _ = made(MockClock(), "0.01/day", unit="usd", cost_header="x-cost", reserve=0.001)
    for cost in ("0.004", "0.0049999999", "0.001"):
        assert call(policy, onward=target(200, {"x-cost": cost})).status == 200
    refused = call(policy)
    assert refused.status == 429
    assert refused.problem()["detail"] == "the limit of 0.01 USD/day is used up"


def test_a_consumer_may_have_limits_of_their_own_and_the_counts_stay() -> None:
    policy, _ = made(MockClock(), "2/day", name="api")
    own = Consumer(limits={"api": ["4/day"]})

    def asked() -> int:
        made_exchange = exchange()
        made_exchange.consumer_name, made_exchange.consumer = "ann", own
        return run(policy, made_exchange).status

    assert statuses(policy, 3) == [200, 200, 429]
    assert [asked(), asked(), asked()] == [200, 200, 429]


@pytest.mark.parametrize("mode", ["exact", "leased", "eventual"])
def test_no_mode_admits_more_than_the_limit_in_one_worker(mode: str) -> None:
    policy, _ = made(MockClock(), "5/hour", mode=mode)
    assert statuses(policy, 7) == [200] * 5 + [429] * 2


def test_a_leaky_bucket_lets_requests_wait_no_longer_than_it_says() -> None:
    policy, _ = made(MockClock(), "1/minute delay 1s")
    assert statuses(policy, 2) == [200, 429]


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({"allow": ["0/second"]}, "write at least `1/second`"),
        ({"allow": ["1/second", " 1/second"]}, "more than once"),
        ({"allow": ["999983/day burst 1000000"]}, "write at most 52124"),
        ({"allow": ["1/second"], "by": "user"}, "write consumer, header:<name>, ip"),
        ({"allow": ["1/second"], "by": []}, "`by` is empty"),
        ({"allow": []}, "Expected `array` of length >= 1"),
        ({"allow": ["1/second"], "name": 'a"b'}, "matching regex"),
        ({"allow": ["1/day"], "unit": "bytes", "reserve": "many"}, "write a size such as"),
        (
            {"allow": ["1/day"], "unit": "usd", "cost_header": "x", "reserve": 1e-10},
            "write at most nine decimals",
        ),
    ],
)
def test_what_cannot_be_a_limit_is_refused(config: dict[str, Any], advice: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        convert(config, Config)
    assert advice in str(caught.value)


def test_every_kind_of_subject_is_in_the_description_of_by() -> None:
    folder = Path(__file__).parents[3] / "src/sluicegate/journey/limit/subjects"
    (field,) = (f for f in msgspec.inspect.type_info(Config).fields if f.name == "by")  # type: ignore[attr-defined]
    described = str(field.type.extra_json_schema)
    for file in folder.glob("[a-z]*.py"):
        assert f"`{file.stem}" in described, file.stem
