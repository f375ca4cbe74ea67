"""Forgetting in time: what is kept waits, in slots of one second, for the time at which it is due.

A sweep looks only at slots that have passed, a bounded number of things at a time, and puts back
what was used since. So it never scans, and what nobody uses any more ends by itself.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.clock import Clock, Timer

SLOT_US: Final = 1_000_000
SWEEP_S: Final = 1.0
SLICE: Final = 500
"""Things looked at before the loop gets its turn again: about 0.3 ms."""
SLICE_PAUSE_S: Final = 0.005
TRIES: Final = 8
"""Things looked at to find one that is due first; then the last of them is taken for it."""


class Kept:
    """Something that is kept until `due_us` (wall time). That may move on at any time."""

    __slots__ = ("due_us",)

    def __init__(self, due_us: int) -> None:
        """Keep the time."""
        self.due_us = due_us

    def drop(self) -> None:
        """Take it out of where it is kept."""
        raise NotImplementedError


class Due:
    """Everything of one kind that is kept; `len()` says how much. `close()` stops its timer."""

    __slots__ = ("_clock", "_closed", "_order", "_size", "_slots", "_timer")

    def __init__(self, clock: Clock) -> None:
        """Start empty, with no timer running."""
        self._clock = clock
        self._slots: dict[int, list[Kept]] = {}
        self._order: list[int] = []
        self._size = 0
        self._timer: Timer | None = None
        self._closed = False

    def __len__(self) -> int:
        """Count what is kept."""
        return self._size

    def add(self, kept: Kept) -> None:
        """Begin to keep something."""
        self._size += 1
        self._file(kept)
        if self._timer is None and not self._closed:
            self._timer = self._clock.after(SWEEP_S, self._sweep)

    def drop_first(self) -> None:
        """Drop what is due first, or nearly so."""
        for left in range(TRIES, 0, -1):
            slot = self._order[0]
            kept = self._pop()
            if left == 1 or kept.due_us // SLOT_US < slot:
                self._size -= 1
                kept.drop()
                return
            self._file(kept)

    def close(self) -> None:
        """Stop sweeping."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _file(self, kept: Kept) -> None:
        """Put it into the slot that has passed once it is due."""
        slot = kept.due_us // SLOT_US + 1
        waiting = self._slots.get(slot)
        if waiting is None:
            self._slots[slot] = [kept]
            heapq.heappush(self._order, slot)
        else:
            waiting.append(kept)

    def _pop(self) -> Kept:
        """Take one out of the first slot."""
        waiting = self._slots[self._order[0]]
        kept = waiting.pop()
        if not waiting:
            del self._slots[heapq.heappop(self._order)]
        return kept

    def _sweep(self) -> None:
        """Drop what is due, a slice of it; come again as long as anything is kept."""
        now_us = self._clock.wall_us()
        room = SLICE
        while room and self._order and self._order[0] * SLOT_US <= now_us:
            room -= 1
            kept = self._pop()
            if kept.due_us <= now_us:
                self._size -= 1
                kept.drop()
            else:
                self._file(kept)
        self._timer = None
        if self._size:
            self._timer = self._clock.after(SWEEP_S if room else SLICE_PAUSE_S, self._sweep)
