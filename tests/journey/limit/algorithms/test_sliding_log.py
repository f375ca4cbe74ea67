"""The sliding log: golden vectors, exact in every period, and as long as its limit at most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.sliding_log import MOST, SlidingLog
from sluicegate.state.contract import EXACT, NEVER, Counts
from support.limit_properties import (
    ANY_HISTORIES,
    HISTORIES,
    PAUSES,
    SECOND,
    START,
    History,
    check,
    play,
    said,
)

GOLDEN = [
    # since START in µs, cost, admitted, remaining, reset_us, retry_after_us
    (0, 0, True, 3, 0, 0),
    (0, 1, True, 2, 1_000_000, 0),
    (400_000, 1, True, 1, 1_000_000, 0),
    (500_000, 2, False, 1, 900_000, 500_000),
    (500_000, 3, False, 1, 900_000, 900_000),
    (999_999, 2, False, 1, 400_001, 1),
    (1_000_000, 2, True, 0, 1_000_000, 0),
    (500_000, 1, False, 0, 1_500_000, 900_000),  # the clock was set back
    (1_000_000, 4, False, 0, 1_000_000, NEVER),
    (2_000_000, 3, True, 0, 1_000_000, 0),
]
EMPTY: Counts = ()
LOGS = st.builds(SlidingLog, st.integers(1, 30), st.sampled_from([SECOND, 60 * SECOND]))


def test_three_a_second_follows_the_golden_vectors() -> None:
    log, counts = SlidingLog(3, SECOND), None
    for at_us, cost, *expected in GOLDEN:
        outcome, counts = log.decide(counts, START + at_us, cost)
        assert (at_us, *said(outcome)) == (at_us, *expected)


@given(LOGS, ANY_HISTORIES)
def test_what_it_says_is_exact_to_the_microsecond(log: SlidingLog, history: History) -> None:
    check(log, history)


@given(LOGS, HISTORIES)
def test_no_period_has_more_than_the_limit_and_nothing_is_refused_without_need(
    log: SlidingLog, history: History
) -> None:
    taken: list[tuple[int, int]] = []
    for now, cost, outcome, _, after in play(log, history):
        used = sum(one for then, one in taken if then > now - log.period_us)
        assert outcome.admitted == (used + cost <= log.limit)
        assert len(after) <= 2 * log.limit
        if outcome.admitted:
            taken.append((now, cost))


@given(LOGS, st.lists(st.tuples(PAUSES, st.integers(1, 12), st.integers(-12, 12)), max_size=30))
def test_costs_known_later_make_it_no_longer_than_its_limit(
    log: SlidingLog, history: list[tuple[int, int, int]]
) -> None:
    now, counts = START, EMPTY
    for pause_us, cost, change in history:
        now += pause_us
        counts = log.decide(counts, now, cost)[1]
        before = log.decide(counts, now, 0)[0].remaining
        counts = log.adjust(counts, now, now, change)
        after = log.decide(counts, now, 0)[0].remaining
        assert after <= before if change >= 0 else before <= after <= before - change
        assert len(counts) <= 2 * log.limit


def test_what_is_given_back_is_the_request_of_that_time() -> None:
    log = SlidingLog(10, SECOND)
    counts = play(log, [(0, 3), (100, 4)])[-1].after
    assert log.adjust(counts, START + 200, START, -2) == (START, 1, START + 100, 4)
    assert log.adjust(counts, START + 200, START, -9) == (START + 100, 4)
    assert log.adjust(counts, START + 200, START + 50, -1) == counts
    assert log.adjust(counts, START + SECOND, START, -1) == (START + 100, 4)
    assert log.adjust(counts, START + 200, START, EXACT)[-2:] == (START + 200, EXACT - 7)


def test_parts_of_workers_add_up_to_the_limit() -> None:
    parts = [SlidingLog(3, SECOND).share(2, place) for place in (0, 1)]
    assert [part.limit for part in parts if part] == [2, 1]
    assert SlidingLog(1, SECOND).share(2, 1) is None


def test_a_log_too_long_to_keep_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(ValueError, match="write at most 1000, or `sliding` in place of `log`"):
        SlidingLog(MOST + 1, SECOND)
