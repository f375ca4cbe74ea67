"""Leased: a worker borrows a block of units and spends it without asking.

A block is charged in full when it is lent, so the limit holds for what is lent. What is spent late
is bounded: a block ends after `life_us`, or with its window, and all blocks together that were lent
and not given back are at most `cap`. What is not spent and not given back in time is burned.

What a bucket is given back must not have been paid back by time already. So each block keeps how
much of it can still be given back, its `worth`: whenever the debt has shrunk below the sum of all
worths, time has begun to pay back what may be unspent, and the oldest blocks are worth less.
"""

from __future__ import annotations

from typing import Final, cast

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.period import period_at
from sluicegate.journey.limit.algorithms.portion import portion
from sluicegate.journey.limit.algorithms.sliding_window import SlidingWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket, debt_at
from sluicegate.state.contract import Block, Counts, Outcome

Inner = TokenBucket | FixedWindow | SlidingWindow
Lent = tuple[str, int, int, int]
"""A block: its ticket, when it ends in µs, its units, and what it is worth (a bucket's fractions;
for a window, its units)."""
SECOND_US: Final = 1_000_000


class Leased:
    """A limit that is lent in blocks. `cap` is the most that is lent at an instant, in units.

    In any time t, at most what `inner` admits and `cap` more are spent. Windows have their blocks
    end with them, so their limits hold exactly; `strict` makes a bucket hold exactly too, by taking
    `cap` out of its burst. Numbers: the code of `inner`, the cap, the life, the numbers of `inner`.
    Counts: those of `inner`, then four for each block, oldest first; see `Lent`.
    """

    __slots__ = ("_kept", "cap", "code", "inner", "life_us", "limit", "numbers", "strict")

    def __init__(
        self, inner: Inner, cap: int, life_us: int = SECOND_US, *, strict: bool = False
    ) -> None:
        """Raise ValueError where `cap` lends nothing, or leaves nothing to a strict bucket."""
        if cap < 1:
            raise ValueError("a cap of 0 lends nothing: write a greater part, or another mode")
        if strict and isinstance(inner, TokenBucket):
            if cap >= inner.burst:
                raise ValueError(
                    f"strict leases of {cap} leave nothing of a burst of {inner.burst}: write a "
                    "greater burst or a smaller cap"
                )
            inner = TokenBucket(inner.rate, inner.period_us, inner.burst - cap)
        self.code = "leased"
        self.inner = inner
        self.cap = cap
        self.life_us = life_us
        self.strict = strict
        self.limit = inner.limit
        self.numbers: tuple[int | str, ...] = (inner.code, cap, life_us, *inner.numbers)
        self._kept = 2 if isinstance(inner, FixedWindow) else 3

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had at once, without a block. Pure."""
        own, blocks = self._parted(counts, now_us)
        outcome, after = self.inner.decide(own, now_us, cost)
        if not outcome.admitted and counts is not None:
            return outcome, counts
        return outcome, self._joined(after, blocks)

    def adjust(self, counts: Counts | None, now_us: int, taken_us: int, change: int) -> Counts:
        """Charge `change` more to `inner`, or give back where below 0. Pure."""
        own, blocks = self._parted(counts, now_us)
        return self._joined(self.inner.adjust(own, now_us, taken_us, change), blocks)

    def lend(
        self, counts: Counts | None, now_us: int, want: int, block: str
    ) -> tuple[Block, Counts]:
        """Lend up to `want` units under the ticket `block`, and say what to keep then. Pure.

        Where nothing is granted though something is wanted, the outcome says why: `inner` has
        nothing left, or the cap is reached until the first block ends.
        """
        own, blocks = self._parted(counts, now_us)
        left, after = self.inner.decide(own, now_us, 0)
        lent = 0
        first_end_us = 0
        for _, end_us, units, _ in blocks:
            lent += units
            first_end_us = end_us if not first_end_us else min(first_end_us, end_us)
        granted = max(0, min(want, left.remaining, self.cap - lent))
        if not granted:
            outcome = left
            if want and left.remaining:
                wait_us = first_end_us - now_us
                outcome = Outcome(False, self.limit, left.remaining, left.reset_us, wait_us)
            elif want:
                outcome = self.inner.decide(own, now_us, 1)[0]
            kept = self._joined(after, blocks) if counts is None else counts
            return Block(0, 0, lent, outcome), kept
        outcome, after = self.inner.decide(own, now_us, granted)
        ends_us = self._ends_us(after, now_us)
        blocks.append((block, now_us + ends_us, granted, self._worth(granted)))
        return Block(granted, ends_us, lent + granted, outcome), self._joined(after, blocks)

    def take_back(
        self, counts: Counts | None, now_us: int, block: str, unspent: int
    ) -> Counts | None:
        """Give back what is left of a block, and say what to keep then. Pure.

        Nothing of a block that has ended here, or was given back before.
        """
        own, blocks = self._parted(counts, now_us)
        for index, (ticket, _, units, worth) in enumerate(blocks):
            if ticket == block:
                del blocks[index]
                returned = max(0, min(unspent, units))
                return self._joined(self._returned(own, now_us, returned, worth), blocks)
        return counts

    def share(self, workers: int, place: int) -> Leased | None:
        """Return this for a part of the limit, with a part of the cap."""
        inner = self.inner.share(workers, place)
        if inner is None:
            return None
        return Leased(inner, max(1, portion(self.cap, workers, place)), self.life_us)

    # --- counts ----------

    def _parted(self, counts: Counts | None, now_us: int) -> tuple[Counts | None, list[Lent]]:
        """Part counts into those of `inner` and the blocks that have not ended."""
        if counts is None:
            return None, []
        own = counts[: self._kept]
        blocks: list[Lent] = []
        for at in range(self._kept, len(counts), 4):
            block = cast("Lent", counts[at : at + 4])
            if block[1] > now_us:
                blocks.append(block)
        return own, self._devalued(own, now_us, blocks) if blocks else blocks

    def _joined(self, own: Counts, blocks: list[Lent]) -> Counts:
        joined = list(own)
        for block in blocks:
            joined.extend(block)
        return tuple(joined)

    def _devalued(self, own: Counts, now_us: int, blocks: list[Lent]) -> list[Lent]:
        """Lower the worth of a bucket's blocks to its debt, that of the oldest first."""
        inner = self.inner
        if not isinstance(inner, TokenBucket):
            return blocks
        if own[2] != inner.unit:  # the limit was changed: these are other fractions
            return [(ticket, end_us, units, 0) for ticket, end_us, units, _ in blocks]
        debt, _ = debt_at(own, now_us, inner.unit, inner.refill)
        over = sum(worth for _, _, _, worth in blocks) - debt
        devalued: list[Lent] = []
        for ticket, end_us, units, worth in blocks:
            lost = max(0, min(over, worth))
            over -= lost
            devalued.append((ticket, end_us, units, worth - lost))
        return devalued

    # --- what the algorithms differ in ----------

    def _worth(self, units: int) -> int:
        inner = self.inner
        return units * inner.unit if isinstance(inner, TokenBucket) else units

    def _ends_us(self, after: Counts, now_us: int) -> int:
        """Return the time until a block ends: its life, and no longer than its window."""
        inner = self.inner
        if isinstance(inner, TokenBucket):
            return self.life_us
        start_us = cast("int", after[0])
        return min(self.life_us, period_at(start_us, inner.period_us)[1] - now_us)

    def _returned(self, own: Counts | None, now_us: int, units: int, worth: int) -> Counts:
        inner = self.inner
        if isinstance(inner, TokenBucket):
            debt, at_us = debt_at(own, now_us, inner.unit, inner.refill)
            return (debt - min(units * inner.unit, worth), at_us, inner.unit)
        start_us = inner.adjust(own, now_us, now_us, 0)[0]
        # A window that is now by a clock that was set back is the one that the block was lent in.
        return inner.adjust(own, now_us, cast("int", start_us), -units)
