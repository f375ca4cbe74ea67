"""The example plans: each holds its burst, its minute and its day, and no more."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from sluicegate.journey.limit.rate_limit import Config, Policy
from sluicegate.model.consumer import Consumer
from sluicegate.model.plan import Plan
from sluicegate.model.units import convert
from sluicegate.snapshot.document import decode
from sluicegate.snapshot.load import Loaded, load
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.state.contract import Ask
from support.exchanges import ClientSide, exchange, parts, run
from support.mock_clock import MockClock

FILE = Path(__file__).parents[2] / "examples" / "plans.yml"
KEYS = ("free", "pro", "enterprise", "initech")
MIDNIGHT_US = 1_700_006_400_000_000
PLANS = [
    ("free", 10, 20, 500, 10_000),
    ("pro", 100, 200, 5_000, 100_000),
    ("enterprise", 500, 1_000, 25_000, 1_000_000),
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = tmp_path_factory.mktemp("plans")
    for name in KEYS:
        (folder / f"{name}.key").write_text(f"{name:*<32}\n")
    return load(Path(shutil.copy(FILE, folder)), {}, PolicyCatalog(()))


def policy_of(loaded: Loaded, plan: str, clock: MockClock) -> Policy:
    made: Plan = decode("plan", loaded.resources.items["plan", plan])
    (use,) = made.policies
    settings: Any = use["rate_limit"]
    return Policy(convert(settings, Config), parts(clock, scope=f"plan:{plan}"))


def call(policy: Policy, consumer: Consumer | None = None) -> ClientSide:
    asked = exchange()
    asked.consumer_name, asked.consumer = "ada", consumer
    return run(policy, asked)


def spend(policy: Policy, count: int) -> int:
    """Take `count` units at once, as that many requests would; return 1 when they were had."""
    (rule,) = policy.rules
    ask = Ask(rule.limits.group, rule.subject(asked_by("ada")), count)
    verdict = finished(policy, ask)
    return int(verdict)


def asked_by(name: str) -> Any:
    asked = exchange()
    asked.consumer_name = name
    return asked


def finished(policy: Policy, ask: Ask) -> bool:
    """Run a take that never waits."""
    work = policy._limiter._state.take([ask])
    try:
        work.send(None)  # type: ignore[attr-defined]  # a coroutine
    except StopIteration as done:
        return bool(done.value.admitted)
    raise AssertionError("it waited")


@pytest.mark.parametrize(("plan", "rate", "burst", "minute", "day"), PLANS)
def test_a_plan_announces_its_three_limits(
    loaded: Loaded, plan: str, rate: int, burst: int, minute: int, day: int
) -> None:
    sent = call(policy_of(loaded, plan, MockClock(MIDNIGHT_US)))
    assert sent.header("ratelimit-policy") == (
        f'"api-{rate}-second-burst-{burst}";q={rate};w=1;burst={burst}, '
        f'"api-{minute}-minute";q={minute};w=60, "api-{day}-day";q={day};w=86400'
    )
    assert sent.header("x-ratelimit-limit") == str(burst)


@pytest.mark.parametrize(("plan", "rate", "burst", "minute", "day"), PLANS)
def test_a_burst_is_had_at_once_and_then_the_rate(
    loaded: Loaded, plan: str, rate: int, burst: int, minute: int, day: int
) -> None:
    clock = MockClock(MIDNIGHT_US)
    policy = policy_of(loaded, plan, clock)
    assert spend(policy, burst)
    refused = call(policy)
    assert refused.status == 429
    assert refused.problem()["detail"] == f"the limit of {rate}/second burst {burst} is used up"
    clock.advance(1)
    assert spend(policy, rate)
    assert call(policy).status == 429
    assert minute > burst + rate
    assert day > minute


@pytest.mark.parametrize(("plan", "rate", "burst", "minute", "day"), PLANS)
def test_a_minute_and_a_day_hold_what_they_say_and_then_a_new_one_begins(
    loaded: Loaded, plan: str, rate: int, burst: int, minute: int, day: int
) -> None:
    clock = MockClock(MIDNIGHT_US)
    policy = policy_of(loaded, plan, clock)
    had = 0
    while had < day:
        within = 0
        while within < minute:
            part = min(rate, minute - within)
            assert spend(policy, part)
            within += part
            clock.advance(1)
        refused = call(policy)
        assert refused.status == 429
        had += within
        if had < day:
            assert refused.problem()["detail"] == f"the limit of {minute}/minute is used up"
            clock.advance(60 - clock.wall_us() / 1e6 % 60)
    clock.advance(60)
    refused = call(policy)
    assert refused.problem()["detail"] == f"the limit of {day}/day is used up"
    clock.advance(int(str(refused.header("retry-after"))))
    assert call(policy).status == 200
    assert burst


def test_a_consumer_of_a_plan_may_have_a_day_of_their_own(loaded: Loaded) -> None:
    policy = policy_of(loaded, "pro", MockClock(MIDNIGHT_US))
    own: Consumer = decode("consumer", loaded.resources.items["consumer", "initech"])
    assert '"api-250000-day";r=249999;' in str(call(policy, own).header("ratelimit"))
    assert '"api-100000-day";r=99998;' in str(call(policy).header("ratelimit"))
