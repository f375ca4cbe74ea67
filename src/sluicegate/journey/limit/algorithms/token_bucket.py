"""Token bucket: a steady rate with room for a burst.

This is the generic cell rate algorithm in its "continuous-state leaky bucket" form (ITU-T I.371,
annex A), which admits the same as the "virtual scheduling" form. A subject's debt grows by what it
takes and shrinks with time. Debt is counted in fractions of a unit so fine that a microsecond pays
back a whole number of them: nothing is ever rounded but what the caller is told.
"""

from __future__ import annotations

from math import gcd

from sluicegate.state.contract import NEVER, Counts, Outcome

EXACT = 2**52
"""Whole numbers up to here are exact in a double as well, which other back ends count in."""


class TokenBucket:
    """`rate` units per `period_us`, and up to `burst` at an instant.

    Counts: the debt in fractions of a unit, and the time in µs at which that was the debt.
    """

    __slots__ = ("burst", "capacity", "period_us", "rate", "refill", "unit")

    def __init__(self, rate: int, period_us: int, burst: int) -> None:
        """Find the fraction. Raises ValueError when a full bucket has too many to count."""
        common = gcd(rate, period_us)
        self.rate = rate
        self.period_us = period_us
        self.burst = burst
        self.unit = period_us // common
        self.refill = rate // common
        self.capacity = burst * self.unit
        if self.capacity > EXACT:
            raise ValueError(
                f"burst {burst} cannot be counted exactly at this rate: write at most "
                f"{EXACT // self.unit}, or a rate with more zeros at its end"
            )

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had at `now_us`, and what to keep then. Pure."""
        if counts is None:
            counts = (0, now_us)
        debt, at_us = counts
        if now_us > at_us:
            debt = max(0, debt - (now_us - at_us) * self.refill)
            at_us = now_us
        # Where the clock was set back, waiting lasts until it has caught up, and then as usual.
        behind_us = at_us - now_us
        after = debt + cost * self.unit
        room = self.capacity - after
        if room < 0:
            retry_us = NEVER if cost > self.burst else behind_us - room // self.refill
            left = (self.capacity - debt) // self.unit
            reset_us = behind_us - -debt // self.refill
            return Outcome(False, self.burst, left, reset_us, retry_us), counts
        reset_us = behind_us - -after // self.refill
        return Outcome(True, self.burst, room // self.unit, reset_us, 0), (after, at_us)
