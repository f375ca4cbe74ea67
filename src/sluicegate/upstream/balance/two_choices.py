"""The power of two choices: of two targets drawn at random, by weight, the better one.

Two choices keep the longest queue at log log n instead of log n / log log n, at the cost of one
comparison, and many gateways that choose at the same time do not all run to the same target.
Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (1996). What is
better, `least_requests` and `peak_ewma` say.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Sequence
from itertools import accumulate
from random import Random
from typing import Final, Generic, TypeVar

from sluicegate.upstream.balance import TargetLike

Target = TypeVar("Target", bound=TargetLike)

NOBODY: Container[object] = ()
"""The default of `exclude`: there is only one empty tuple."""
DRAWS: Final = 4
"""Draws that may hit a target that cannot be had, before all are looked at."""
REWEIGH_PICKS: Final = 64
"""Picks after which a weight that was raised is noticed at the latest; a lowered one is at once."""


class TwoChoices(Generic[Target]):
    """Two draws per pick, whatever the number of targets."""

    __slots__ = ("_even", "_left", "_only", "_random", "_targets", "_totals", "_weights")

    def __init__(self, targets: Sequence[Target], random: Random) -> None:
        """`random` makes the choices; a seeded one makes them again."""
        self._targets = list(targets)
        self._only = self._targets[0] if len(self._targets) == 1 else None
        self._random = random.random
        self._weigh()

    def pick(self, exclude: Container[object] = NOBODY, key: int | None = None) -> Target | None:  # noqa: ARG002 - of the protocol
        """Return the better of two; None when none can be had."""
        only = self._only
        if only is not None:
            return only if only.available and only.weight and only not in exclude else None
        self._left -= 1
        if self._left <= 0:
            self._weigh()
        if self._even and exclude is NOBODY:
            two = self._draw_evenly()
            if two is not None:
                return two
        first = self._draw(exclude, None)
        if first is None:
            return self._search(exclude)
        second = self._draw(exclude, first)
        return first if second is None else self._better(first, second)

    def _better(self, first: Target, second: Target) -> Target:
        """Compare two; the first where they are equal, so that draws, by weight, decide."""
        raise NotImplementedError

    def _weigh(self) -> None:
        self._weights = [target.weight for target in self._targets]
        self._totals = list(accumulate(self._weights))
        self._even = self._weights[0] if len(set(self._weights)) == 1 else 0
        self._left = REWEIGH_PICKS

    def _draw_evenly(self) -> Target | None:
        """Return the better of any two, where all have one weight; None where that fails."""
        targets, draw = self._targets, self._random
        count = len(targets)
        at = int(draw() * count)
        other = at + 1 + int(draw() * (count - 1))
        first, second = targets[at], targets[other if other < count else other - count]
        even = self._even
        if first.weight != even or second.weight != even:
            return None
        return self._better(first, second) if first.available and second.available else None

    def _draw(self, exclude: Container[object], other: Target | None) -> Target | None:
        """Draw by weight a target that can be had and is not `other`."""
        for _ in range(DRAWS):
            totals = self._totals
            if not totals or not totals[-1]:
                return None
            at = bisect_right(totals, self._random() * totals[-1])
            target = self._targets[at]
            known = self._weights[at]
            if target.weight != known:
                self._weigh()
                if target.weight < known:
                    continue  # Drawn too easily. One that has gained was drawn with difficulty.
            if target.available and target is not other and target not in exclude:
                return target
        return None

    def _search(self, exclude: Container[object]) -> Target | None:
        """Look at all: most cannot be had, or all of the weight is on those that cannot."""
        usable = [t for t in self._targets if t.available and t.weight and t not in exclude]
        if not usable:
            return None
        totals = list(accumulate(target.weight for target in usable))
        first, second = (
            usable[bisect_right(totals, self._random() * totals[-1])] for _ in range(2)
        )
        return self._better(first, second)
