"""Sliding window counter: the window before counts too, by as much of it as is still in sight.

Cloudflare's approximation of a sliding log ("How we built rate limiting capable of scaling to
millions of domains", 2017), which takes the requests of the window before as evenly spread. In any
time t up to a period it admits at most limit * (1 + t / period); a fixed window admits twice its
limit in no time.
"""

from __future__ import annotations

from typing import Final, cast

from sluicegate.journey.limit.algorithms.portion import portion
from sluicegate.state.contract import EXACT, NEVER, Counts, Outcome

TICKS: Final = 2**20
"""Steps of a period in which the window before goes out of sight, where numbers allow it."""


class SlidingWindow:
    """`limit` units per any `period_us`, estimated; windows are aligned to 1970-01-01 UTC.

    Numbers: the limit, the period, and into how many ticks a period is parted. Counts: the start of
    the window in µs, the units used in it, and those used in the one before.
    """

    __slots__ = ("code", "limit", "most", "numbers", "period_us", "ticks")

    def __init__(self, limit: int, period_us: int) -> None:
        """Find the ticks. Raises ValueError for a limit that cannot be counted exactly."""
        if limit > EXACT:
            raise ValueError(f"{limit} cannot be counted exactly: write at most {EXACT}")
        finest = min(TICKS, EXACT // limit, EXACT // period_us)
        self.code = "sliding"
        self.limit = limit
        self.period_us = period_us
        self.ticks = 1 << (finest.bit_length() - 1)
        self.most = EXACT // self.ticks
        """Used units stop growing here, so that their product with ticks is exact."""
        self.numbers: tuple[int | str, ...] = (limit, period_us, self.ticks)

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had at `now_us`, and what to keep then. Pure."""
        start_us, used, before = self.windows_at(counts, now_us)
        estimate = used + self._in_sight(before, start_us, now_us)
        if estimate + cost <= self.limit:
            after = used + cost
            reset_us = self._reset_us(start_us, after, before, now_us)
            left = self.limit - estimate - cost
            return Outcome(True, self.limit, left, reset_us, 0), (start_us, after, before)
        retry_us = self._retry_us(start_us, used, before, cost, now_us)
        reset_us = self._reset_us(start_us, used, before, now_us)
        left = max(0, self.limit - estimate)
        outcome = Outcome(False, self.limit, left, reset_us, retry_us)
        return outcome, counts or (start_us, 0, 0)

    def adjust(self, counts: Counts | None, now_us: int, taken_us: int, change: int) -> Counts:
        """Charge `change` more to the window that is now, or give back where below 0. Pure.

        Given back is to the window that it was taken in, as long as that is in sight.
        """
        start_us, used, before = self.windows_at(counts, now_us)
        if change > 0:
            used = min(self.most, used + change)
        elif taken_us >= start_us:
            used = max(0, used + change)
        elif taken_us >= start_us - self.period_us:
            before = max(0, before + change)
        return (start_us, used, before)

    def share(self, workers: int, place: int) -> SlidingWindow | None:
        """Return a window of a part of the limit; the parts add up to it."""
        limit = portion(self.limit, workers, place)
        return SlidingWindow(limit, self.period_us) if limit else None

    def windows_at(self, counts: Counts | None, now_us: int) -> tuple[int, int, int]:
        """Return the start of the window at `now_us`, what is used of it, and of the one before."""
        start_us = now_us - now_us % self.period_us
        if counts is None:
            return start_us, 0, 0
        stored_us, used, before = cast("tuple[int, int, int]", counts)
        # A window later than now means that the clock was set back: that window goes on.
        if stored_us >= start_us:
            return stored_us, min(used, self.most), min(before, self.most)
        if stored_us >= start_us - self.period_us:
            return start_us, 0, min(used, self.most)
        return start_us, 0, 0

    def _in_sight(self, before: int, start_us: int, now_us: int) -> int:
        """Return how many of the units used in the window before still count, rounded up."""
        left_us = self.period_us - max(0, now_us - start_us)
        ticks_left = -(-left_us * self.ticks // self.period_us)
        return -(-before * ticks_left // self.ticks)

    def _retry_us(self, start_us: int, used: int, before: int, cost: int, now_us: int) -> int:
        """Return the time until a cost that was refused fits: in this window, or in the next."""
        if cost > self.limit:
            return NEVER
        room = self.limit - used - cost
        end_us = start_us + self.period_us - now_us
        if room >= 0:
            return end_us - self._before_end_us(room, before)
        return end_us + self.period_us - self._before_end_us(self.limit - cost, used)

    def _before_end_us(self, room: int, before: int) -> int:
        """Return how long before its window's end at most `room` of `before` are in sight."""
        ticks_left = room * self.ticks // before
        return ticks_left * self.period_us // self.ticks

    def _reset_us(self, start_us: int, used: int, before: int, now_us: int) -> int:
        if used:
            return start_us + 2 * self.period_us - now_us
        return start_us + self.period_us - now_us if before else 0
