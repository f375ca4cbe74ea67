"""Leaky bucket: requests go on evenly spaced; those that come too early wait their turn.

The queue of Turner ("New directions in communications", 1986) as nginx' `limit_req` has it, but
without a queue: each request is told how long to wait, by the debt of those before it, which is
that of a token bucket.
"""

from __future__ import annotations

from math import gcd
from typing import cast

from sluicegate.journey.limit.algorithms.token_bucket import debt_at, grown, owe
from sluicegate.state.contract import EXACT, Counts, Outcome


class LeakyBucket:
    """`rate` units per `period_us`, one after the other, each delayed by at most `max_delay_us`.

    The first goes on at once. Admitted, `retry_after_us` is the delay. Numbers: the fractions of a
    unit, how many of them a microsecond pays back, the longest delay. Counts as in `TokenBucket`.
    """

    __slots__ = (
        "capacity", "code", "limit", "max_delay_us", "numbers", "period_us", "rate", "refill",
        "unit",
    )  # fmt: skip

    def __init__(self, rate: int, period_us: int, max_delay_us: int) -> None:
        """Find the fraction. Raises ValueError when the longest queue has too many to count."""
        common = gcd(rate, period_us)
        self.code = "leaky"
        self.rate = rate
        self.period_us = period_us
        self.max_delay_us = max_delay_us
        self.unit = period_us // common
        self.refill = rate // common
        self.capacity = self.unit + max_delay_us * self.refill
        self.limit = self.capacity // self.unit
        self.numbers: tuple[int | str, ...] = (self.unit, self.refill, max_delay_us)
        if self.capacity > EXACT:
            raise ValueError(
                f"a delay of {max_delay_us} µs cannot be counted exactly at this rate: write at "
                f"most {max(0, (EXACT - self.unit) // self.refill)} µs, or a rate with more zeros "
                "at its end"
            )

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had from `now_us` on, when, and what to keep then. Pure.

        Of several units the first waits for its turn, and the rest go on with it; who comes next
        waits for the turns of all.
        """
        outcome, after = owe(
            counts, now_us, cost, self.unit, self.refill, self.limit, self.capacity
        )
        if outcome.admitted and cost:
            before = cast("int", after[0]) - cost * self.unit
            outcome.retry_after_us = -(-before // self.refill)
        return outcome, after

    def adjust(self, counts: Counts | None, now_us: int, taken_us: int, change: int) -> Counts:  # noqa: ARG002 - as all have it
        """Charge `change` more. Pure.

        Nothing is given back: others have their turns behind it already, and whoever got this one
        would go on together with one of them.
        """
        debt, at_us = debt_at(counts, now_us, self.unit, self.refill)
        if change > 0:
            debt = grown(debt, change, self.unit)
        return (debt, at_us, self.unit)

    def share(self, workers: int, place: int) -> LeakyBucket | None:  # noqa: ARG002 - all the same
        """Return a bucket of an equal part of the rate and the same delay.

        Together they let as many through as this one does; those of different workers may go on
        together.
        """
        try:
            return LeakyBucket(self.rate, self.period_us * workers, self.max_delay_us)
        except ValueError:
            return None
