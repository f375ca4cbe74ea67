"""The fixed window: golden vectors, and what holds for every history of requests."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.state.contract import EXACT, NEVER

SECOND = 1_000_000
DAY = 86400 * SECOND
MIDNIGHT = 19_675 * DAY  # 2023-11-14, UTC

GOLDEN = [
    # since midnight in µs, cost, admitted, remaining, reset_us, retry_after_us
    (250_000, 1, True, 2, 750_000, 0),
    (250_000, 3, False, 2, 750_000, 750_000),
    (900_000, 2, True, 0, 100_000, 0),
    (999_999, 1, False, 0, 1, 1),
    (1_000_000, 1, True, 2, 1_000_000, 0),
    (1_000_000, 4, False, 2, 1_000_000, NEVER),
    (900_000, 2, True, 0, 1_100_000, 0),  # the clock was set back: the later window goes on
    (900_000, 1, False, 0, 1_100_000, 1_100_000),
    (7_500_000, 0, True, 3, 500_000, 0),
]
WINDOWS = st.builds(FixedWindow, st.integers(1, 50), st.sampled_from([SECOND, 60 * SECOND]))
HISTORY = st.lists(st.tuples(st.integers(-2 * SECOND, 20 * SECOND), st.integers(1, 10)))


def test_three_a_second_follows_the_golden_vectors() -> None:
    window, counts = FixedWindow(3, SECOND), None
    for at_us, cost, *expected in GOLDEN:
        outcome, counts = window.decide(counts, MIDNIGHT + at_us, cost)
        said = [outcome.admitted, outcome.remaining, outcome.reset_us, outcome.retry_after_us]
        assert (at_us, said) == (at_us, expected)
        assert outcome.limit == 3


def test_a_window_of_a_day_ends_at_midnight_utc() -> None:
    outcome, _ = FixedWindow(1, DAY).decide(None, MIDNIGHT - 1, 1)
    assert outcome.reset_us == 1


@given(WINDOWS, HISTORY)
def test_setting_the_clock_back_opens_no_window_twice(
    window: FixedWindow, history: list[tuple[int, int]]
) -> None:
    first_us = now_us = latest_us = MIDNIGHT
    counts, total = None, 0
    for pause_us, cost in [(0, 1), *history]:
        now_us += pause_us
        latest_us = max(latest_us, now_us)
        before = counts
        outcome, counts = window.decide(counts, now_us, cost)
        if outcome.admitted:
            total += cost
        else:
            assert counts == before  # a refused request charges nothing
        windows = latest_us // window.period_us - first_us // window.period_us + 1
        assert total <= window.limit * windows


@given(WINDOWS, st.lists(st.tuples(st.integers(0, 20 * SECOND), st.integers(1, 10))))
def test_time_that_goes_on_admits_at_most_the_limit_in_each_window(
    window: FixedWindow, history: list[tuple[int, int]]
) -> None:
    now_us, counts, admitted = MIDNIGHT, None, Counter[int]()
    for pause_us, cost in history:
        now_us += pause_us
        outcome, counts = window.decide(counts, now_us, cost)
        number = now_us // window.period_us
        admitted[number] += cost if outcome.admitted else 0
        assert admitted[number] <= window.limit
        assert outcome.remaining == window.limit - admitted[number]
        if not outcome.admitted and outcome.retry_after_us != NEVER:
            then_us = now_us + outcome.retry_after_us
            assert window.decide(counts, then_us, cost)[0].admitted
            assert not window.decide(counts, then_us - 1, cost)[0].admitted


def test_what_is_given_back_is_only_of_the_window_that_it_was_taken_in() -> None:
    window = FixedWindow(3, SECOND)
    counts = window.decide(None, MIDNIGHT, 3)[1]
    assert window.adjust(counts, MIDNIGHT + 9, MIDNIGHT, -2) == (MIDNIGHT, 1)
    assert window.adjust(counts, MIDNIGHT + 9, MIDNIGHT, -9) == (MIDNIGHT, 0)
    later = MIDNIGHT + SECOND
    counts = window.decide(counts, later, 2)[1]
    assert window.adjust(counts, later, MIDNIGHT, -2) == counts
    assert window.adjust(None, later, MIDNIGHT, -2) == (later, 0)


def test_a_cost_that_was_more_than_reserved_is_charged_to_the_window_that_is_now() -> None:
    window = FixedWindow(3, SECOND)
    counts = window.decide(None, MIDNIGHT, 3)[1]
    later = MIDNIGHT + SECOND
    assert window.adjust(counts, later, MIDNIGHT, 5) == (later, 5)
    outcome = window.decide((later, 5), later, 1)[0]
    assert (outcome.admitted, outcome.remaining) == (False, 0)
    assert window.adjust((later, 5), later, later, EXACT) == (later, EXACT)


def test_parts_of_workers_add_up_to_the_limit() -> None:
    parts = [FixedWindow(5, SECOND).share(3, place) for place in range(3)]
    assert [part.limit for part in parts if part] == [2, 2, 1]
    assert FixedWindow(1, SECOND).share(2, 1) is None


def test_a_limit_too_great_to_count_is_refused() -> None:
    with pytest.raises(ValueError, match="write at most"):
        FixedWindow(EXACT + 1, SECOND)


def test_a_month_is_that_of_the_calendar() -> None:
    window = FixedWindow(3, 0)
    november = MIDNIGHT - 13 * DAY
    outcome, counts = window.decide(None, MIDNIGHT, 2)
    assert (outcome.admitted, outcome.reset_us) == (True, november + 30 * DAY - MIDNIGHT)
    assert counts == (november, 2)
    december = november + 30 * DAY
    assert not window.decide(counts, december - 1, 2)[0].admitted
    outcome, counts = window.decide(counts, december, 2)
    assert (outcome.remaining, outcome.reset_us, counts) == (1, 31 * DAY, (december, 2))
    assert window.decide(counts, december - 5, 1)[0].reset_us == 31 * DAY + 5  # a clock set back
