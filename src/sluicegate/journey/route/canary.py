"""Sharing a route's requests out among weighted services.

Smooth weighted round robin, as in nginx (commit 52327e0627f4): every turn each candidate gains its
weight, the one with the most is chosen and pays the sum of all weights. Over any run of `sum`
turns each is chosen exactly `weight` times, and in between never far from its share, so that a 1 %
canary gets one request in a hundred rather than a burst. Counted per route and worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


def turn(credit: Sequence[int], weights: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """Return who is next (an index) and the credit after that; all 0 is the start.

    `weights` are not negative and not all 0. Of equals the first is chosen.
    """
    gained = [had + weight for had, weight in zip(credit, weights, strict=True)]
    chosen = max(range(len(gained)), key=gained.__getitem__)
    gained[chosen] -= sum(weights)
    return chosen, tuple(gained)


class Canary(Generic[T]):
    """The state of one sharing-out. What has weight 0 is never chosen."""

    __slots__ = ("_credit", "_items", "_weights")

    def __init__(self, shares: Sequence[tuple[T, int]]) -> None:
        """Start even. `shares` are items and their weights."""
        weighted = [(item, weight) for item, weight in shares if weight > 0]
        self._items = tuple(item for item, _ in weighted)
        self._weights = tuple(weight for _, weight in weighted)
        self._credit = (0,) * len(weighted)

    def pick(self) -> T | None:
        """Take a turn; None when nothing has a weight."""
        if len(self._items) > 1:
            chosen, self._credit = turn(self._credit, self._weights)
            return self._items[chosen]
        return self._items[0] if self._items else None
