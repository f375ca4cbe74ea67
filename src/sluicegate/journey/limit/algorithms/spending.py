"""Spending: a budget of so much money per minute, hour, day or calendar month (UTC).

What a request may cost at most is held for it until its price is known; then that is spent instead.
So what is spent and held is never more than the limit but by what requests cost beyond their
reservations. The counts are a sum over the ledger, so they are never begun from nothing: where they
are missing, somebody has to bring them.
"""

from __future__ import annotations

from typing import Final, cast

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.period import period_at
from sluicegate.journey.limit.algorithms.portion import portion
from sluicegate.state.contract import EXACT, NEVER, UNKNOWN, Counts, Outcome

SECOND_US: Final = 1_000_000
"""What is held may be free at any time: a second is what refused callers are told to wait."""
MOST_PERCENT: Final = 1000


class Spending:
    """`limit` nano-USD per `period_us` (0: a calendar month), told of at `thresholds` percent.

    Numbers: the limit, the period, the thresholds joined by commas. Counts: the start of the period
    in µs, and what was spent and is held in it. No counts are not known; those of a period before
    are nothing.
    """

    __slots__ = ("_last", "_next", "code", "limit", "numbers", "period_us", "thresholds")

    def __init__(self, limit: int, period_us: int, thresholds: tuple[int, ...] = ()) -> None:
        """Keep the numbers. Raises ValueError for what cannot be counted exactly, or told of."""
        if limit > EXACT:
            raise ValueError(f"{limit} cannot be counted exactly: write at most {EXACT}")
        for percent in thresholds:
            if not 1 <= percent <= MOST_PERCENT:
                raise ValueError(f"{percent} percent: write 1 to {MOST_PERCENT}")
        self.code = "spending"
        self.limit = limit
        self.period_us = period_us
        self.thresholds = thresholds
        self.numbers: tuple[int | str, ...] = (limit, period_us, ",".join(map(str, thresholds)))
        self._last = self._next = (0, 0)

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be held at `now_us`, and what to keep then. Pure."""
        start_us, end_us, spent, held = self._at(counts, now_us)
        reset_us = end_us - now_us
        if counts is None:
            return Outcome(False, self.limit, 0, reset_us, UNKNOWN), (start_us, 0, 0)
        left = self.limit - spent - held
        if cost <= left or not cost:  # what costs nothing passes where more was spent than there is
            outcome = Outcome(True, self.limit, max(0, left - cost), reset_us, 0)
            return outcome, (start_us, spent, held + cost)
        retry_us = reset_us
        if cost > self.limit:
            retry_us = NEVER
        elif spent + cost <= self.limit:
            retry_us = min(SECOND_US, reset_us)
        return Outcome(False, self.limit, max(0, left), reset_us, retry_us), counts

    def adjust(self, counts: Counts | None, now_us: int, taken_us: int, change: int) -> Counts:
        """Spend `change` more of the period that `taken_us` is in, where counts are of that. Pure.

        States settle by `settled`, which knows what was held.
        """
        start_us, _, spent, held = self._at(counts, now_us)
        if self._start(taken_us) == start_us:
            spent = max(0, min(EXACT, spent + change))
        return (start_us, spent, held)

    def settled(self, counts: Counts, admitted_us: int, held: int, cost: int) -> Counts:
        """Spend `cost` instead of what was `held` since `admitted_us`. Pure.

        Counts of another period stay as they are.
        """
        start_us, spent, holds = cast("tuple[int, int, int]", counts)
        if start_us != self._start(admitted_us):
            return counts
        return (start_us, min(EXACT, spent + cost), max(0, holds - held))

    def crossed(self, before: int, after: int) -> list[int]:
        """Return the thresholds in percent that are reached by `after`, and were not by `before`.

        A threshold is reached by its part of the limit, rounded up.
        """
        whole, rest = self.limit // 100, self.limit % 100
        reached: list[int] = []
        for percent in self.thresholds:
            least = percent * whole - (-percent * rest // 100)
            if before < least <= after:
                reached.append(percent)
        return reached

    def kept_until(self, now_us: int) -> int:
        """Return the time in µs until which counts are kept: the end of the next period.

        So a budget that is used in each period always has counts.
        """
        end_us = self.period(now_us)[1]
        if self._next[0] != end_us:
            self._next = period_at(end_us, self.period_us)
        return self._next[1]

    def period(self, at_us: int) -> tuple[int, int]:
        """Return the start and the end of the period at `at_us`, in µs. The last one is kept."""
        last = self._last
        if not last[0] <= at_us < last[1]:
            last = self._last = period_at(at_us, self.period_us)
        return last

    def share(self, workers: int, place: int) -> FixedWindow | None:
        """Return a window of a part of the limit, which begins from nothing."""
        limit = portion(self.limit, workers, place)
        return FixedWindow(limit, self.period_us) if limit else None

    def _start(self, at_us: int) -> int:
        return self.period(at_us)[0]

    def _at(self, counts: Counts | None, now_us: int) -> tuple[int, int, int, int]:
        """Return the start and end of the period at `now_us`, and what is spent and held in it."""
        if counts is None:
            return (*self.period(now_us), 0, 0)
        stored_us, spent, held = cast("tuple[int, int, int]", counts)
        # A period later than now means that the clock was set back: that period goes on.
        start_us, end_us = self.period(max(now_us, stored_us))
        if stored_us < start_us:
            return start_us, end_us, 0, 0
        return start_us, end_us, spent, held
