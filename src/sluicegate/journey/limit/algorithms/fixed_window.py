"""Fixed window: so many per second, minute, hour, day or calendar month of the clock (UTC).

Cheap and easy to explain. Its known price: up to twice the limit around the end of a window.
"""

from __future__ import annotations

from typing import cast

from sluicegate.journey.limit.algorithms.period import MONTH, month_start, period_at
from sluicegate.journey.limit.algorithms.portion import portion
from sluicegate.state.contract import EXACT, NEVER, Counts, Outcome


class FixedWindow:
    """`limit` units per window of `period_us`; windows are aligned to 1970-01-01 UTC.

    A period of 0 is a calendar month. Numbers: the limit and the period. Counts: the start of
    the window in µs, and the units used in it.
    """

    __slots__ = ("code", "limit", "numbers", "period_us")

    def __init__(self, limit: int, period_us: int) -> None:
        """Keep the numbers. Raises ValueError for a limit that cannot be counted exactly."""
        if limit > EXACT:
            raise ValueError(f"{limit} cannot be counted exactly: write at most {EXACT}")
        self.code = "fixed"
        self.limit = limit
        self.period_us = period_us
        self.numbers: tuple[int | str, ...] = (limit, period_us)

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had at `now_us`, and what to keep then. Pure."""
        start_us, used = self.window_at(counts, now_us)
        reset_us = self._end_us(start_us) - now_us
        after = used + cost
        if after > self.limit:
            retry_us = NEVER if cost > self.limit else reset_us
            left = max(0, self.limit - used)
            outcome = Outcome(False, self.limit, left, reset_us, retry_us)
            return outcome, counts or (start_us, 0)
        return Outcome(True, self.limit, self.limit - after, reset_us, 0), (start_us, after)

    def adjust(self, counts: Counts | None, now_us: int, taken_us: int, change: int) -> Counts:
        """Charge `change` more to the window that is now, or give back where below 0. Pure.

        Given back is only to the window that it was taken in. Used units stop growing at `EXACT`.
        """
        start_us, used = self.window_at(counts, now_us)
        if change > 0:
            used = min(EXACT, used + change)
        elif taken_us >= start_us:
            used = max(0, used + change)
        return (start_us, used)

    def share(self, workers: int, place: int) -> FixedWindow | None:
        """Return a window of a part of the limit; the parts add up to it."""
        limit = portion(self.limit, workers, place)
        return FixedWindow(limit, self.period_us) if limit else None

    def window_at(self, counts: Counts | None, now_us: int) -> tuple[int, int]:
        """Return the start of the window at `now_us`, and what is used of it."""
        period_us = self.period_us
        start_us = now_us - now_us % period_us if period_us else month_start(now_us)
        if counts is not None:
            stored_us, used = cast("tuple[int, int]", counts)
            # A window later than now means that the clock was set back: that window goes on.
            if stored_us >= start_us:
                return stored_us, used
        return start_us, 0

    def _end_us(self, start_us: int) -> int:
        period_us = self.period_us
        return start_us + period_us if period_us else period_at(start_us, MONTH)[1]
