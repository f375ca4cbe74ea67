"""Sliding log: exact in every period, at the price of remembering each request.

For limits of a few; a sliding window costs the same for any limit.
"""

from __future__ import annotations

from typing import Final, cast

from sluicegate.journey.limit.algorithms.portion import portion
from sluicegate.state.contract import EXACT, NEVER, Counts, Outcome

MOST: Final = 1000
"""Units of a limit. 16 kB per subject, which are read and written for each request."""


class SlidingLog:
    """`limit` units in any `period_us`, exactly.

    Numbers: the limit and the period. Counts: the time in µs and the units of each request of the
    last period, flat, oldest first; requests of one microsecond are one.
    """

    __slots__ = ("code", "limit", "numbers", "period_us")

    def __init__(self, limit: int, period_us: int) -> None:
        """Keep the numbers. Raises ValueError when there is too much to remember."""
        if limit > MOST:
            raise ValueError(
                f"a log of {limit} is too long to keep: write at most {MOST}, or `sliding` in "
                "place of `log`"
            )
        self.code = "log"
        self.limit = limit
        self.period_us = period_us
        self.numbers: tuple[int | str, ...] = (limit, period_us)

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had at `now_us`, and what to keep then. Pure."""
        log = self._log_at(counts, now_us)
        used = sum(log[1::2])
        after = used + cost
        if after > self.limit:
            reset_us = log[-2] + self.period_us - now_us if log else 0
            retry_us = NEVER
            if cost <= self.limit:
                retry_us = self._room_at(log, after - self.limit) - now_us
            left = max(0, self.limit - used)
            outcome = Outcome(False, self.limit, left, reset_us, retry_us)
            return outcome, () if counts is None else counts
        if cost:
            log = _added(log, now_us, cost)
        reset_us = log[-2] + self.period_us - now_us if log else 0
        return Outcome(True, self.limit, self.limit - after, reset_us, 0), log

    def adjust(self, counts: Counts | None, now_us: int, taken_us: int, change: int) -> Counts:
        """Charge `change` more as taken now, or give back where below 0. Pure.

        Given back is to the request of `taken_us`, exactly that time, as long as it is remembered.
        A log as long as its limit grows no longer: its last request then counts as made now.
        """
        log = self._log_at(counts, now_us)
        if change > 0:
            change = min(change, EXACT - sum(log[1::2]))
            if len(log) >= 2 * self.limit:
                change += log[-1]
                now_us = max(now_us, log[-2])
                log = log[:-2]
            return _added(log, now_us, change) if change else log
        for index in range(0, len(log), 2):
            if log[index] == taken_us:
                left = log[index + 1] + change
                kept = (taken_us, left) if left > 0 else ()
                return log[:index] + kept + log[index + 2 :]
        return log

    def share(self, workers: int, place: int) -> SlidingLog | None:
        """Return a log of a part of the limit; the parts add up to it."""
        limit = portion(self.limit, workers, place)
        return SlidingLog(limit, self.period_us) if limit else None

    def _log_at(self, counts: Counts | None, now_us: int) -> tuple[int, ...]:
        """Return what is not older than a period."""
        if not counts:
            return ()
        log = cast("tuple[int, ...]", counts)
        over_us = max(now_us, log[-2]) - self.period_us
        first = 0
        while log[first] <= over_us:
            first += 2
            if first == len(log):
                return ()
        return log[first:] if first else log

    def _room_at(self, log: tuple[int, ...], needed: int) -> int:
        """Return the time at which `needed` units are forgotten."""
        index = 0
        while needed > log[index + 1]:
            needed -= log[index + 1]
            index += 2
        return log[index] + self.period_us


def _added(log: tuple[int, ...], now_us: int, cost: int) -> tuple[int, ...]:
    """Return the log with one more request at its end, where a clock set back also puts it."""
    if log and log[-2] >= now_us:
        return (*log[:-1], log[-1] + cost)
    return (*log, now_us, cost)
