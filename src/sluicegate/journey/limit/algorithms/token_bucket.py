"""Token bucket: a steady rate with room for a burst.

This is the generic cell rate algorithm in its "continuous-state leaky bucket" form (ITU-T I.371,
annex A), which admits the same as the "virtual scheduling" form. A subject's debt grows by what it
takes and shrinks with time. Debt is counted in fractions of a unit so fine that a microsecond pays
back a whole number of them: nothing is ever rounded but what the caller is told.
"""

from __future__ import annotations

from math import gcd
from typing import cast

from sluicegate.journey.limit.algorithms.portion import portion
from sluicegate.state.contract import EXACT, NEVER, Counts, Outcome


class TokenBucket:
    """`rate` units per `period_us`, and up to `burst` at an instant.

    In any time t it admits at most burst + rate * t. Numbers: the fractions of a unit, how many of
    them a microsecond pays back, the burst. Counts: the debt in fractions, the time in µs at which
    that was the debt, and how many fractions a unit had then.
    """

    __slots__ = (
        "burst", "capacity", "code", "limit", "numbers", "period_us", "rate", "refill", "unit",
    )  # fmt: skip

    def __init__(self, rate: int, period_us: int, burst: int) -> None:
        """Find the fraction. Raises ValueError when a full bucket has too many to count."""
        common = gcd(rate, period_us)
        self.code = "bucket"
        self.rate = rate
        self.period_us = period_us
        self.burst = burst
        self.limit = burst
        self.unit = period_us // common
        self.refill = rate // common
        self.capacity = burst * self.unit
        self.numbers: tuple[int | str, ...] = (self.unit, self.refill, burst)
        if self.capacity > EXACT:
            raise ValueError(
                f"burst {burst} cannot be counted exactly at this rate: write at most "
                f"{EXACT // self.unit}, or a rate with more zeros at its end"
            )

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had at `now_us`, and what to keep then. Pure."""
        return owe(counts, now_us, cost, self.unit, self.refill, self.burst, self.capacity)

    def adjust(self, counts: Counts | None, now_us: int, taken_us: int, change: int) -> Counts:
        """Charge `change` more, or give back where below 0. Pure.

        Given back is what time cannot have paid back already: had less been taken at `taken_us`,
        the debt might have been nothing for all the time since, and what time did pay back then is
        owed to nobody. So at most the change less what (now - taken) pays back. A debt stops
        growing at `EXACT`.
        """
        debt, at_us = debt_at(counts, now_us, self.unit, self.refill)
        if change > 0:
            debt = grown(debt, change, self.unit)
        else:
            paid = max(0, at_us - taken_us) * self.refill
            debt = max(0, debt - max(0, -change * self.unit - paid))
        return (debt, at_us, self.unit)

    def share(self, workers: int, place: int) -> TokenBucket | None:
        """Return a bucket of an equal part of the rate: together they refill as this one does.

        Their bursts add up to this burst, or to one for each worker where that is more.
        """
        period_us = self.period_us * workers
        unit = period_us // gcd(self.rate, period_us)
        burst = min(max(1, portion(self.burst, workers, place)), EXACT // unit)
        return TokenBucket(self.rate, period_us, burst) if burst else None


def owe(
    counts: Counts | None,
    now_us: int,
    cost: int,
    unit: int,
    refill: int,
    limit: int,
    capacity: int,
) -> tuple[Outcome, Counts]:
    """Say whether a debt can grow by `cost` units, `capacity` fractions at most. Pure.

    `limit` is the capacity in whole units.
    """
    debt, at_us = debt_at(counts, now_us, unit, refill)
    # Where the clock was set back, waiting lasts until it has caught up, and then as usual.
    behind_us = at_us - now_us
    if cost <= limit:
        after = debt + cost * unit
        room = capacity - after
        if room >= 0:
            reset_us = behind_us - -after // refill
            return Outcome(True, limit, room // unit, reset_us, 0), (after, at_us, unit)
        retry_us = behind_us - room // refill
    else:
        retry_us = NEVER
    left = max(0, (capacity - debt) // unit)
    reset_us = behind_us - -debt // refill
    return Outcome(False, limit, left, reset_us, retry_us), counts or (0, at_us, unit)


def grown(debt: int, change: int, unit: int) -> int:
    """Return the debt with `change` units more; it stops at `EXACT`."""
    return EXACT if change > EXACT // unit else min(EXACT, debt + change * unit)


def debt_at(counts: Counts | None, now_us: int, unit: int, refill: int) -> tuple[int, int]:
    """Return the debt in fractions of which a unit has `unit`, and the time at which it is that.

    Counts in other fractions are from before the limit was changed: the debt in units stays. It is
    rounded up, and never above `EXACT`.
    """
    if counts is None:
        return 0, now_us
    debt, at_us, stored_unit = cast("tuple[int, int, int]", counts)
    if stored_unit != unit:
        debt = min(EXACT, -(-debt * unit // stored_unit))
    if now_us > at_us:
        return max(0, debt - (now_us - at_us) * refill), now_us
    return debt, at_us
