"""Periods are those of the calendar in Python's own library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.period import DAY_US, MONTH, month_start, period_at

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.datetimes(datetime(1601, 1, 1), datetime(2400, 12, 1))  # noqa: DTZ001 - given a zone


def in_us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


@given(TIMES)
def test_a_month_goes_from_its_first_day_to_that_of_the_next(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)
    first = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    next_ = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC)
    assert period_at(in_us(moment), MONTH) == (in_us(first), in_us(next_))


def test_a_leap_day_is_of_february() -> None:
    february = in_us(datetime(2024, 2, 1, tzinfo=UTC))
    assert period_at(february + 28 * DAY_US, MONTH) == (february, february + 29 * DAY_US)
    assert month_start(february + 29 * DAY_US) == february + 29 * DAY_US


@given(st.integers(0, 2**52), st.sampled_from([60_000_000, 3_600_000_000, DAY_US]))
def test_other_periods_are_aligned_to_the_epoch(at_us: int, period_us: int) -> None:
    start_us, end_us = period_at(at_us, period_us)
    assert start_us % period_us == 0
    assert start_us <= at_us < end_us == start_us + period_us
