"""A budget: golden vectors, and what holds for every history of requests."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.spending import MOST_PERCENT, Spending
from sluicegate.state.contract import EXACT, NEVER, UNKNOWN

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86400 * SECOND
MIDNIGHT = 19_675 * DAY  # 2023-11-14, UTC
BUDGET = Spending(100, MINUTE, (50, 100))


def said(budget: Spending, counts: tuple[int, ...] | None, now_us: int, cost: int) -> list[int]:
    outcome, _ = budget.decide(counts, now_us, cost)
    return [outcome.admitted, outcome.remaining, outcome.reset_us, outcome.retry_after_us]


GOLDEN = [
    # spent, held, cost, admitted, remaining, retry_after_us, after ten seconds of a minute
    (0, 0, 100, True, 0, 0),
    (40, 20, 40, True, 0, 0),
    (40, 20, 41, False, 40, SECOND),  # what others hold may be free soon
    (60, 20, 41, False, 20, 50 * SECOND),
    (0, 0, 101, False, 100, NEVER),
    (150, 0, 0, True, 0, 0),  # what costs nothing passes
    (150, 0, 1, False, 0, 50 * SECOND),
    (99, 1, 0, True, 0, 0),
]


@pytest.mark.parametrize(("spent", "held", "cost", "admitted", "left", "retry_us"), GOLDEN)
def test_a_budget_follows_the_golden_vectors(
    spent: int, held: int, cost: int, admitted: bool, left: int, retry_us: int  # noqa: FBT001 - a vector
) -> None:  # fmt: skip
    now_us = MIDNIGHT + 10 * SECOND
    counts = (MIDNIGHT, spent, held)
    assert said(BUDGET, counts, now_us, cost) == [admitted, left, 50 * SECOND, retry_us]
    _, after = BUDGET.decide(counts, now_us, cost)
    assert after == ((MIDNIGHT, spent, held + cost) if admitted else counts)


def test_nobody_waits_for_what_is_held_beyond_the_end_of_the_period() -> None:
    assert said(BUDGET, (MIDNIGHT, 0, 100), MIDNIGHT + MINUTE - 7, 1)[3] == 7


def test_counts_that_are_not_there_are_not_nothing() -> None:
    assert said(BUDGET, None, MIDNIGHT, 1) == [False, 0, MINUTE, UNKNOWN]
    assert said(BUDGET, None, MIDNIGHT, 101) == [False, 0, MINUTE, UNKNOWN]
    assert said(BUDGET, (MIDNIGHT - MINUTE, 100, 9), MIDNIGHT, 100)[0]


def test_a_month_ends_with_the_calendars() -> None:
    month = Spending(100, 0)
    outcome, counts = month.decide((0, 0, 0), MIDNIGHT, 1)
    assert counts == (MIDNIGHT - 13 * DAY, 0, 1)
    assert outcome.reset_us == 17 * DAY
    assert month.kept_until(MIDNIGHT) == MIDNIGHT + (17 + 31) * DAY


def test_a_period_that_a_clock_was_set_back_from_goes_on() -> None:
    later = (MIDNIGHT + MINUTE, 70, 20)
    assert said(BUDGET, later, MIDNIGHT, 10) == [True, 0, 2 * MINUTE, 0]
    assert BUDGET.decide(later, MIDNIGHT, 10)[1] == (MIDNIGHT + MINUTE, 70, 30)


def test_what_was_held_is_spent_in_the_period_in_which_it_was_admitted() -> None:
    counts = (MIDNIGHT, 10, 40)
    assert BUDGET.settled(counts, MIDNIGHT + 5, 40, 25) == (MIDNIGHT, 35, 0)
    assert BUDGET.settled(counts, MIDNIGHT - 1, 40, 25) == counts
    assert BUDGET.settled(counts, MIDNIGHT + MINUTE, 40, 25) == counts
    assert BUDGET.settled((MIDNIGHT, EXACT, 0), MIDNIGHT, 1, 1) == (MIDNIGHT, EXACT, 0)


def test_a_change_is_spent_where_the_period_is_still_that_one() -> None:
    assert BUDGET.adjust((MIDNIGHT, 10, 5), MIDNIGHT, MIDNIGHT, 7) == (MIDNIGHT, 17, 5)
    assert BUDGET.adjust((MIDNIGHT, 10, 5), MIDNIGHT, MIDNIGHT, -70) == (MIDNIGHT, 0, 5)
    assert BUDGET.adjust((MIDNIGHT, 10, 5), MIDNIGHT, MIDNIGHT - 1, 7) == (MIDNIGHT, 10, 5)
    assert BUDGET.adjust(None, MIDNIGHT, MIDNIGHT, 7) == (MIDNIGHT, 7, 0)


def test_a_threshold_is_crossed_by_what_reaches_it() -> None:
    assert BUDGET.crossed(0, 49) == []
    assert BUDGET.crossed(49, 50) == [50]
    assert BUDGET.crossed(50, 99) == []
    assert BUDGET.crossed(49, 200) == [50, 100]
    assert Spending(3, 0, (50,)).crossed(1, 2) == [50]
    assert Spending(3, 0, (50,)).crossed(0, 1) == []


@given(
    st.integers(1, EXACT),
    st.lists(st.integers(1, MOST_PERCENT), max_size=5),
    st.lists(st.integers(0, EXACT), max_size=8),
)
def test_each_threshold_is_crossed_once_on_the_way_up(
    limit: int, thresholds: list[int], sums: list[int]
) -> None:
    budget = Spending(limit, 0, tuple(sorted(set(thresholds))))
    steps = [0, *sorted(sums)]
    crossed = [each for pair in pairwise(steps) for each in budget.crossed(*pair)]
    assert crossed == [each for each in budget.thresholds if each * limit <= steps[-1] * 100]


def test_parts_are_windows_that_begin_from_nothing() -> None:
    parts = [Spending(5, MINUTE).share(3, place) for place in range(3)]
    assert [part and part.limit for part in parts] == [2, 2, 1]
    assert Spending(1, MINUTE).share(2, 1) is None
    window = Spending(5, MINUTE).share(1, 0)
    assert window is not None
    assert window.decide(None, MIDNIGHT, 5)[0].admitted


def test_numbers_say_all_that_lua_needs() -> None:
    assert Spending(7, 0, (80, 100)).numbers == (7, 0, "80,100")
    assert Spending(7, MINUTE).numbers == (7, MINUTE, "")


def test_what_cannot_be_counted_or_told_of_is_refused() -> None:
    with pytest.raises(ValueError, match="write at most"):
        Spending(EXACT + 1, 0)
    for percent in (0, MOST_PERCENT + 1):
        with pytest.raises(ValueError, match="percent"):
            Spending(1, 0, (percent,))


def test_what_costs_nothing_passes_an_overspent_budget() -> None:
    day_us = 86_400_000_000
    outcome, counts = Spending(100, day_us).decide((0, 150, 0), 5, 0)
    assert outcome.admitted
    assert outcome.remaining == 0
    assert counts == (0, 150, 0)
    assert not Spending(100, day_us).decide((0, 150, 0), 5, 1)[0].admitted
