"""Who waits: the most important first, of equals the first to come, and never more than a bound."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

LEVELS = ("low", "normal", "high", "critical")
"""What priorities 0 to 3 are called, in configuration and metrics."""

Item = TypeVar("Item")


class PriorityQueue(Generic[Item]):
    """A bounded queue with four levels. Every step takes the same time, however many wait.

    Items are told apart by `hash` and `==`; each is in it at most once.
    """

    __slots__ = ("_levels", "_size", "length")

    def __init__(self, size: int) -> None:
        """Hold at most `size` items."""
        self._size = size
        # Ordered dictionaries: the oldest, the newest and any one are equally quick to take out.
        self._levels: list[OrderedDict[Item, None]] = [OrderedDict() for _ in LEVELS]
        self.length = 0

    def offer(self, item: Item, level: int) -> Item | None:
        """Put `item` in at `level`, 0 to 3, and return who is left out: None when all have room.

        In a full queue that is the newest of the least important, which is `item` itself unless
        another is less important.
        """
        left_out: Item | None = None
        if self.length >= self._size:
            left_out = self._least_below(level)
            if left_out is None:
                return item
        self._levels[level][item] = None
        self.length += 1
        return left_out

    def take(self) -> Item | None:
        """Take out the first of the most important; None when nobody waits."""
        for waiting in reversed(self._levels):
            if waiting:
                self.length -= 1
                return waiting.popitem(last=False)[0]
        return None

    def remove(self, item: Item, level: int) -> bool:
        """Take out `item`, which was put in at `level`; False when it is not there any more."""
        waiting = self._levels[level]
        if item not in waiting:
            return False
        del waiting[item]
        self.length -= 1
        return True

    def _least_below(self, level: int) -> Item | None:
        for waiting in self._levels[:level]:
            if waiting:
                self.length -= 1
                return waiting.popitem(last=True)[0]
        return None
