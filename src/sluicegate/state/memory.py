"""Counts in a dict of this process: exact, for one worker, gone with it.

A key lives until its limit is as if never used. Keys wait in slots of one second by the time at
which they are due; a sweep looks only at slots that have passed, a bounded number of keys at a
time, and puts back those that were used since. So it never scans, and an idle process ends empty.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sluicegate.state.contract import Counts, Outcome, Take, Verdict

if TYPE_CHECKING:
    from sluicegate.clock import Clock, Timer
    from sluicegate.metrics import Metrics

SLOT_US = 1_000_000
SWEEP_S = 1.0
SLICE_KEYS = 500
"""Keys looked at before the loop gets its turn again: about 0.3 ms."""
SLICE_PAUSE_S = 0.005


class MemoryState:
    """A `LimitState` in memory. `close()` stops its timer."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        """Start empty, with no timer running."""
        self._clock = clock
        self._entries: dict[str, tuple[Counts, int]] = {}
        self._slots: dict[int, list[str]] = {}
        self._order: list[int] = []
        self._timer: Timer | None = None
        self._closed = False
        self._keys = metrics.family(
            "sluicegate_state_keys", "gauge", "Subjects of limits that are kept in memory."
        ).cell()

    def __len__(self) -> int:
        """Count the keys that are kept."""
        return len(self._entries)

    async def take(self, takes: Sequence[Take], subject: str) -> Verdict:
        """Take everything, or nothing. Never waits."""
        now_us = self._clock.wall_us()
        entries = self._entries
        outcomes: list[Outcome] = []
        charged: list[tuple[str, tuple[Counts, int]]] = []
        for take in takes:
            key = take.prefix + subject
            entry = entries.get(key)
            before = None if entry is None else entry[0]
            outcome, counts = take.algorithm.decide(before, now_us, take.cost)
            outcomes.append(outcome)
            if outcome.admitted:
                charged.append((key, (counts, now_us + outcome.reset_us)))
        if len(charged) < len(outcomes):
            return Verdict(False, self._uncharged(takes, subject, outcomes, now_us))
        for key, fresh in charged:
            if key not in entries:
                self._file(key, fresh[1])
            entries[key] = fresh
        return Verdict(True, outcomes)

    def close(self) -> None:
        """Stop sweeping."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _uncharged(
        self, takes: Sequence[Take], subject: str, outcomes: list[Outcome], now_us: int
    ) -> list[Outcome]:
        """Say what is left where another limit refused: as much as before."""
        for index, (take, outcome) in enumerate(zip(takes, outcomes, strict=True)):
            if outcome.admitted:
                entry = self._entries.get(take.prefix + subject)
                before = None if entry is None else entry[0]
                outcomes[index] = take.algorithm.decide(before, now_us, 0)[0]
        return outcomes

    def _file(self, key: str, expires_us: int) -> None:
        """Put a key into the slot that has passed once the key is due."""
        slot = expires_us // SLOT_US + 1
        keys = self._slots.get(slot)
        if keys is None:
            self._slots[slot] = [key]
            heapq.heappush(self._order, slot)
            if self._timer is None and not self._closed:
                self._timer = self._clock.after(SWEEP_S, self._sweep)
        else:
            keys.append(key)

    def _sweep(self) -> None:
        """Drop what is due, a slice of it; come again as long as anything is kept."""
        now_us = self._clock.wall_us()
        room = SLICE_KEYS
        while room and self._order and self._order[0] * SLOT_US <= now_us:
            keys = self._slots[self._order[0]]
            while room and keys:
                room -= 1
                self._revisit(keys.pop(), now_us)
            if not keys:
                del self._slots[heapq.heappop(self._order)]
        self._keys.value = len(self._entries)
        self._timer = None
        if self._entries:
            self._timer = self._clock.after(SWEEP_S if room else SLICE_PAUSE_S, self._sweep)

    def _revisit(self, key: str, now_us: int) -> None:
        expires_us = self._entries[key][1]
        if expires_us <= now_us:
            del self._entries[key]
        else:
            self._file(key, expires_us)
