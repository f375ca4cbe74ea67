"""What every state promises, whatever keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.clock import Clock
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.metrics import Metrics
from sluicegate.state.contract import LimitState, Take, Verdict
from sluicegate.state.memory import MemoryState
from support.mock_clock import MockClock

SECOND = 1_000_000
MakeState = Callable[[Clock], LimitState]


def memory(clock: Clock) -> LimitState:
    return MemoryState(clock, Metrics())


STATES = [pytest.param(memory, id="memory")]


def take(state: LimitState, *takes: Take, subject: str = "=ann") -> Verdict:
    return asyncio.run(state.take(takes, subject))


@pytest.fixture(params=STATES)
def make_state(request: pytest.FixtureRequest) -> MakeState:
    made: MakeState = request.param
    return made


def test_all_limits_are_charged_when_all_admit(make_state: MakeState) -> None:
    state = make_state(MockClock())
    pair = (Take("a", FixedWindow(5, SECOND), 2), Take("b", TokenBucket(1, SECOND, 9), 2))
    verdict = take(state, *pair)
    assert verdict.admitted
    assert [(one.limit, one.remaining) for one in verdict.outcomes] == [(5, 3), (9, 7)]


def test_a_refused_request_charges_nothing_anywhere(make_state: MakeState) -> None:
    state = make_state(MockClock())
    wide, narrow = (
        Take("wide", FixedWindow(100, SECOND), 1),
        Take("narrow", FixedWindow(1, SECOND), 1),
    )
    assert take(state, wide, narrow).admitted
    for _ in range(3):
        verdict = take(state, wide, narrow)
        assert not verdict.admitted
        assert [one.admitted for one in verdict.outcomes] == [True, False]
        assert [one.remaining for one in verdict.outcomes] == [99, 0]
    assert take(state, wide).outcomes[0].remaining == 98


def test_order_makes_no_difference_to_a_refusal(make_state: MakeState) -> None:
    state = make_state(MockClock())
    narrow, wide = (
        Take("narrow", FixedWindow(1, SECOND), 1),
        Take("wide", FixedWindow(9, SECOND), 1),
    )
    take(state, narrow)
    assert [one.remaining for one in take(state, narrow, wide).outcomes] == [0, 9]
    assert take(state, wide).outcomes[0].remaining == 8


def test_subjects_do_not_share(make_state: MakeState) -> None:
    state = make_state(MockClock())
    one = Take("limit|", FixedWindow(1, SECOND), 1)
    assert take(state, one, subject="a").admitted
    assert take(state, one, subject="b").admitted
    assert not take(state, one, subject="a").admitted


def test_limits_do_not_share_a_subject(make_state: MakeState) -> None:
    state = make_state(MockClock())
    one = FixedWindow(1, SECOND)
    assert take(state, Take("limit a|", one, 1)).admitted
    assert take(state, Take("limit b|", one, 1)).admitted
    assert not take(state, Take("limit a|", one, 1)).admitted


def test_the_announced_wait_is_enough(make_state: MakeState) -> None:
    clock = MockClock()
    state = make_state(clock)
    wish = Take("a", TokenBucket(3, SECOND, 1), 1)
    assert take(state, wish).admitted
    wait_us = take(state, wish).outcomes[0].retry_after_us
    clock.advance((wait_us - 1) / SECOND)
    assert not take(state, wish).admitted
    clock.advance(1 / SECOND)
    assert take(state, wish).admitted


def test_a_clock_that_is_set_back_admits_nothing_more(make_state: MakeState) -> None:
    clock = MockClock()
    state = make_state(clock)
    wishes = (Take("a", TokenBucket(1, SECOND, 2), 1), Take("b", FixedWindow(2, SECOND), 1))
    assert take(state, *wishes).admitted
    assert take(state, *wishes).admitted
    for _ in range(5):
        clock.set_wall_us(clock.wall_us() - SECOND)
        assert not take(state, *wishes).admitted


@pytest.mark.parametrize("make", STATES)
@given(history=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 4)), max_size=60))
def test_whatever_comes_each_limit_holds_and_only_what_was_admitted_is_charged(
    make: MakeState, history: list[tuple[int, int]]
) -> None:
    clock = MockClock()
    state = make(clock)
    bucket, window = TokenBucket(2, SECOND, 5), FixedWindow(6, SECOND)
    start_us, total, windows = clock.wall_us(), 0, dict[int, int]()
    for pause_ms, cost in history:
        clock.advance(pause_ms / 1000)
        number = clock.wall_us() // SECOND
        if take(state, Take("b", bucket, cost), Take("w", window, cost)).admitted:
            total += cost
            windows[number] = windows.get(number, 0) + cost
        assert windows.get(number, 0) <= 6
        assert (total - 5) * SECOND <= (clock.wall_us() - start_us) * 2
        left = take(state, Take("w", window, 0)).outcomes[0].remaining
        assert left == 6 - windows.get(number, 0)
