"""The sliding window counter: golden vectors, its bound, and that no number is lost to rounding."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.sliding_window import SlidingWindow
from sluicegate.state.contract import EXACT, NEVER
from support.limit_properties import (
    ANY_HISTORIES,
    HISTORIES,
    SECOND,
    START,
    History,
    check,
    check_refusal,
    check_remaining,
    play,
    said,
)

GOLDEN = [
    # since START in µs, cost, admitted, remaining, reset_us, retry_after_us
    (0, 0, True, 4, 0, 0),
    (500_000, 3, True, 1, 1_500_000, 0),
    (900_000, 2, False, 1, 1_100_000, 433_334),  # 2 of the 3 are in sight from then on
    (1_000_000, 2, False, 1, 1_000_000, 333_334),
    (1_333_334, 2, True, 0, 1_666_666, 0),
    (1_666_666, 1, False, 0, 1_333_334, 1),
    (1_666_667, 1, True, 0, 1_333_333, 0),
    (1_666_667, 5, False, 0, 1_333_333, NEVER),
    (900_000, 1, False, 0, 2_100_000, 1_100_000),  # the clock was set back
    (1_700_000, 4, False, 0, 1_300_000, 1_300_000),
    (3_000_000, 4, True, 0, 2_000_000, 0),
]
WINDOWS = st.builds(
    SlidingWindow,
    st.integers(1, 50) | st.just(2**45),
    st.sampled_from([SECOND, 60 * SECOND, 86400 * SECOND]),
)


def test_four_a_second_follows_the_golden_vectors() -> None:
    window, counts = SlidingWindow(4, SECOND), None
    for at_us, cost, *expected in GOLDEN:
        outcome, counts = window.decide(counts, START + at_us, cost)
        assert (at_us, *said(outcome)) == (at_us, *expected)


@given(WINDOWS, HISTORIES)
def test_what_it_says_is_exact_to_the_microsecond(window: SlidingWindow, history: History) -> None:
    check(window, history)


@given(WINDOWS, ANY_HISTORIES)
def test_a_clock_that_is_set_back_is_waited_for_exactly(
    window: SlidingWindow, history: History
) -> None:
    for step in play(window, history):
        check_refusal(window, step)
        check_remaining(window, step)


@given(WINDOWS, HISTORIES)
def test_in_any_time_up_to_a_period_it_admits_at_most_the_limit_and_its_part_of_it(
    window: SlidingWindow, history: History
) -> None:
    taken = [(now, cost) for now, cost, outcome, _, _ in play(window, history) if outcome.admitted]
    for first, (since, _) in enumerate(taken):
        total = 0
        for now, cost in taken[first:]:
            total += cost
            if now - since <= window.period_us:
                bound = window.limit * (1 + Fraction(now - since, window.period_us))
                assert total <= bound


@given(
    st.sampled_from([SECOND, 86400 * SECOND]),
    st.integers(1, EXACT),
    st.data(),
)
def test_every_number_that_lua_would_meet_is_exact(
    period_us: int, limit: int, data: st.DataObject
) -> None:
    window = SlidingWindow(limit, period_us)
    assert window.ticks >= 1
    assert window.limit * window.ticks <= EXACT
    assert window.period_us * window.ticks <= EXACT
    counts = window.adjust(None, START, START, EXACT)
    assert counts[1] == EXACT // window.ticks >= limit
    wait_us = data.draw(st.integers(0, 3 * period_us))
    cost = data.draw(st.integers(1, limit))
    outcome, _ = window.decide(counts, START + wait_us, cost)
    if not outcome.admitted:
        then_us = START + wait_us + outcome.retry_after_us
        assert window.decide(counts, then_us, cost)[0].admitted
        assert not window.decide(counts, then_us - 1, cost)[0].admitted


def test_what_is_given_back_leaves_the_window_that_it_was_taken_in() -> None:
    window = SlidingWindow(10, SECOND)
    counts = play(window, [(0, 6), (SECOND, 1)])[-1].after
    assert counts == (START + SECOND, 1, 6)
    now = START + SECOND
    assert window.adjust(counts, now, START, -4) == (START + SECOND, 1, 2)
    assert window.adjust(counts, now, START, -9) == (START + SECOND, 1, 0)
    assert window.adjust(counts, now, now, -1) == (START + SECOND, 0, 6)
    assert window.adjust(counts, now, START - SECOND, -1) == counts
    assert window.adjust(counts, now, START, 3) == (START + SECOND, 4, 6)


def test_a_limit_that_is_lowered_says_0_until_there_is_room() -> None:
    counts = play(SlidingWindow(10, SECOND), [(0, 10)])[-1].after
    outcome, _ = SlidingWindow(4, SECOND).decide(counts, START, 1)
    assert said(outcome) == (False, 0, 2_000_000, 1_700_001)


def test_parts_of_workers_add_up_to_the_limit() -> None:
    parts = [SlidingWindow(7, SECOND).share(10, place) for place in range(10)]
    assert [part.limit for part in parts if part] == [1] * 7


def test_a_limit_too_great_to_count_is_refused() -> None:
    with pytest.raises(ValueError, match="write at most"):
        SlidingWindow(EXACT + 1, SECOND)
