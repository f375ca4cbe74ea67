"""Periods of the clock (UTC): so many µs, aligned to 1970-01-01, or calendar months.

A month is found as in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms"
(`civil_from_days`), which counts years from March, so that a leap day is the last of its year.
"""

from __future__ import annotations

from typing import Final

MONTH: Final = 0
"""In place of the µs of a period."""
DAY_US: Final = 86_400_000_000
ERA_DAYS: Final = 146_097
"""400 years."""
MARCH_0_DAYS: Final = 719_468
"""From 0000-03-01 to 1970-01-01."""


def period_at(at_us: int, period_us: int) -> tuple[int, int]:
    """Return the start of the period of `period_us` at `at_us`, and its end, in µs since 1970."""
    if period_us:
        start_us = at_us - at_us % period_us
        return start_us, start_us + period_us
    start_us = month_start(at_us)
    return start_us, month_start(start_us + 31 * DAY_US)


def month_start(at_us: int) -> int:
    """Return the first µs of the calendar month at `at_us`."""
    days = at_us // DAY_US
    of_era = (days + MARCH_0_DAYS) % ERA_DAYS
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return (days - (of_year - (153 * month + 2) // 5)) * DAY_US
