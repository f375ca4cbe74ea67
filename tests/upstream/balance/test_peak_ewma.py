from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from sluicegate.upstream.balance.peak_ewma import PeakEwma
from support.mock_clock import MockClock
from support.targets import Target, targets


@pytest.fixture
def clock() -> MockClock:
    return MockClock()


def measured(clock: MockClock, *seconds: float) -> list[Target]:
    """Return targets that have just answered in so many seconds; 0 has never answered."""
    given = targets(*[1] * len(seconds))
    for target, each in zip(given, seconds, strict=True):
        if each:
            target.latency.observe(each, clock.monotonic())
    return given


def picks(balance: PeakEwma[Target], count: int = 500) -> Counter[Target | None]:
    return Counter(balance.pick() for _ in range(count))


def test_the_fast_is_preferred(clock: MockClock) -> None:
    fast, slow = given = measured(clock, 0.01, 0.1)
    found = picks(PeakEwma(given, Random(7), clock))
    assert found[fast] > 10 * found[slow]


def test_one_slow_answer_is_enough_to_turn_away(clock: MockClock) -> None:
    first, second = given = measured(clock, 0.01, 0.02)
    balance = PeakEwma(given, Random(7), clock)
    first.latency.observe(0.5, clock.monotonic())
    found = picks(balance)
    assert found[second] > 10 * found[first]


def test_what_was_slow_is_tried_again_in_the_end(clock: MockClock) -> None:
    fast, slow = given = measured(clock, 0.01, 0.01)
    balance = PeakEwma(given, Random(7), clock)
    slow.latency.failed(0.001, clock.monotonic())
    waited = 0
    while picks(balance, 50)[slow] < 25:
        fast.latency.observe(0.01, clock.monotonic())
        clock.advance(1)
        waited += 1
    # TAU_S times ln(FAILED_S / 10 ms).
    assert waited == pytest.approx(46, abs=2)
    slow.latency.observe(0.001, clock.monotonic())
    assert slow.latency.at(clock.monotonic()) < 0.02


def test_a_target_that_was_never_tried_is_tried_with_one_call(clock: MockClock) -> None:
    known, new = given = measured(clock, 0.001, 0)
    balance = PeakEwma(given, Random(7), clock)
    assert picks(balance, 100)[new] > 80
    new.in_flight = 1
    known.in_flight = 30
    assert picks(balance, 100)[new] < 20


def test_at_the_start_calls_go_to_the_least_busy(clock: MockClock) -> None:
    given = targets(2, 1, 1)
    balance = PeakEwma(given, Random(7), clock)
    for _ in range(400):
        target = balance.pick()
        assert target is not None
        target.in_flight += 1
    assert [target.in_flight for target in given] == pytest.approx([200, 100, 100], rel=0.1)


def test_a_fast_target_that_is_busy_leaves_calls_to_others(clock: MockClock) -> None:
    fast, slow = given = measured(clock, 0.01, 0.04)
    balance = PeakEwma(given, Random(7), clock)
    for _ in range(500):
        target = balance.pick()
        assert target is not None
        target.in_flight += 1
    assert fast.in_flight == pytest.approx(4 * slow.in_flight, rel=0.2)


@given_any(st.integers(1, 100))
def test_the_scale_of_weights_says_nothing(scale: int) -> None:
    clock = MockClock()
    found = []
    for factor in (1, scale):
        one, two = given = targets(2 * factor, factor)
        one.latency.observe(0.02, clock.monotonic())
        two.latency.observe(0.01, clock.monotonic())
        one.in_flight, two.in_flight = 1, 4
        balance = PeakEwma(given, Random(7), clock)
        found.append([given.index(balance.pick() or one) for _ in range(20)])
    assert found[0] == found[1]
