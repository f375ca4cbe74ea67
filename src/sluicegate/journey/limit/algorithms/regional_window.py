"""Regional window: one limit over several regions, each of which counts in a state of its own.

A region admits what its own counts and the last known ones of the others leave, and never more than
its cap. What it tells the others are two totals that only grow within a window, `taken` and
`returned`, so that messages may be lost, repeated and out of order: the greatest of each is true
(a PN-counter: Shapiro et al., "A comprehensive study of convergent and commutative replicated data
types", 2011). A state that lost its counts begins again under another `epoch`; epochs are added.

Over all regions at most the sum of their caps is admitted in a window; with all of them in touch,
at most the limit and what the others admit before word of it arrives.
"""

from __future__ import annotations

from typing import Final, cast

from sluicegate.journey.limit.algorithms.portion import portion
from sluicegate.state.contract import EXACT, NEVER, Counts, Outcome

SHORTEST_US: Final = 10_000_000
"""Word between regions takes up to a second; shorter windows would be over before it arrives."""

Told = tuple[str, str, int, int]
"""Of another region: its name, the epoch of its state, what it has taken and returned."""


class RegionalWindow:
    """`total` units per window of `period_us` in all regions, at most `limit` of them in this one.

    Numbers: the total, the period, the cap. Counts: the start of the window in µs, what this region
    has taken and returned in it, then four for each epoch of another region; see `Told`.
    """

    __slots__ = ("code", "limit", "numbers", "period_us", "total")

    def __init__(self, limit: int, period_us: int, cap: int) -> None:
        """`limit` is that of all regions; a cap above it is as much.

        Raises ValueError for a window that is too short, and for a cap of 0.
        """
        if limit > EXACT:
            raise ValueError(f"{limit} cannot be counted exactly: write at most {EXACT}")
        if period_us < SHORTEST_US:
            raise ValueError("regions need windows of at least 10 seconds: write a longer period")
        if cap < 1:
            raise ValueError("a cap of 0 admits nothing: write at least 1")
        self.code = "regional"
        self.total = limit
        self.limit = min(cap, limit)
        self.period_us = period_us
        self.numbers: tuple[int | str, ...] = (limit, period_us, self.limit)

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had here at `now_us`, and what to keep then. Pure."""
        start_us, taken, returned, others = self.window_at(counts, now_us)
        used = taken - returned
        elsewhere = 0
        for _, _, their_taken, their_returned in others:
            elsewhere = min(EXACT, elsewhere + max(0, their_taken - their_returned))
        left = min(self.limit - used, self.total - used - elsewhere)
        reset_us = start_us + self.period_us - now_us
        if cost > left:
            retry_us = NEVER if cost > self.limit else reset_us
            outcome = Outcome(False, self.limit, max(0, left), reset_us, retry_us)
            return outcome, counts or (start_us, 0, 0)
        after = _joined(start_us, min(EXACT, taken + cost), returned, others)
        return Outcome(True, self.limit, left - cost, reset_us, 0), after

    def adjust(self, counts: Counts | None, now_us: int, taken_us: int, change: int) -> Counts:
        """Charge `change` more to the window that is now, or give back where below 0. Pure.

        Given back is only to the window that it was taken in.
        """
        start_us, taken, returned, others = self.window_at(counts, now_us)
        if change > 0:
            taken = min(EXACT, taken + change)
        elif taken_us >= start_us:
            returned += min(-change, taken - returned)
        return _joined(start_us, taken, returned, others)

    def merge(
        self,
        counts: Counts | None,
        now_us: int,
        start_us: int,
        region: str,
        epoch: str,
        taken: int,
        returned: int,
    ) -> Counts:
        """Note what another region says of its window of `start_us`. Pure.

        What is older than known changes nothing, and neither does another window than this one:
        what is not told yet of a window that begins is told again.
        """
        own_us, own_taken, own_returned, others = self.window_at(counts, now_us)
        if start_us == own_us:
            taken, returned = min(taken, EXACT), min(returned, EXACT)
            for index, known in enumerate(others):
                if known[0] == region and known[1] == epoch:
                    newest = (region, epoch, max(known[2], taken), max(known[3], returned))
                    others[index] = newest
                    break
            else:
                others.append((region, epoch, taken, returned))
        return _joined(own_us, own_taken, own_returned, others)

    def totals(self, counts: Counts | None, now_us: int) -> tuple[int, int, int]:
        """Return what to tell other regions: start of the window, taken, returned."""
        start_us, taken, returned, _ = self.window_at(counts, now_us)
        return start_us, taken, returned

    def share(self, workers: int, place: int) -> RegionalWindow | None:
        """Return a window with a part of the cap; the parts add up to it."""
        cap = portion(self.limit, workers, place)
        if not cap:
            return None
        return RegionalWindow(max(cap, portion(self.total, workers, place)), self.period_us, cap)

    def window_at(self, counts: Counts | None, now_us: int) -> tuple[int, int, int, list[Told]]:
        """Return the start of the window at `now_us`, taken and returned in it, and the others."""
        start_us = now_us - now_us % self.period_us
        if counts is None:
            return start_us, 0, 0, []
        stored_us, taken, returned = cast("tuple[int, int, int]", counts[:3])
        if stored_us < start_us:
            return start_us, 0, 0, []
        others = [cast("Told", counts[at : at + 4]) for at in range(3, len(counts), 4)]
        return stored_us, taken, returned, others


def _joined(start_us: int, taken: int, returned: int, others: list[Told]) -> Counts:
    joined: list[int | str] = [start_us, taken, returned]
    for told in others:
        joined.extend(told)
    return tuple(joined)
