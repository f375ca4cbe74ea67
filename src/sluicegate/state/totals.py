"""What is added up where no more lines of the ledger may wait: `overflow.lua`, in memory.

A total is of all exchanges of a minute that agree in who, what and how it went, and in the budgets
that they were charged to. It is called after its first exchange and how many were added up before
it, so that no other has its name.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sluicegate.model.ledger import Entry

MINUTE_US: Final = 60_000_000
MOST: Final = 100_000
"""Totals; what comes beyond is told apart by its minute, its budgets and whether it has a cost, and
beyond twice as many by its minute and that alone."""
EQUAL: Final = (
    "consumer", "team", "key", "plan", "route", "model", "provider", "deployment", "estimated",
    "unsettled", "from_cache", "status", "failure", "region",
)  # fmt: skip
SUMMED: Final = (
    "requests", "input", "output", "cached", "cache_write", "cache_write_1h", "reasoning",
    "audio_input", "audio_output", "image_input", "image_output", "attempts", "duration_us",
    "bytes_in", "bytes_out",
)  # fmt: skip
Key = tuple[object, ...]


class Total:
    """A sum, and the budgets that all of it was charged to."""

    __slots__ = ("budgets", "entry")

    def __init__(self, budgets: tuple[str, ...], entry: Entry) -> None:
        """Begin with nothing; `entry` names it."""
        self.budgets = budgets
        self.entry = entry


class Totals:
    """Sums of entries. `added` counts exchanges since ever."""

    __slots__ = ("_growing", "_read", "added")

    def __init__(self) -> None:
        """Start with none."""
        self.added = 0
        self._growing: dict[Key, Total] = {}
        self._read: dict[str, Total] = {}

    def __len__(self) -> int:
        """Count the totals."""
        return len(self._growing) + len(self._read)

    def add(
        self, admitted_us: int, cost: int | None, budgets: tuple[str, ...], entry: bytes,
        *, swept: bool = False,
    ) -> None:  # fmt: skip
        """Add an entry (msgpack) to its total. `admitted_us` is 0 where nothing was reserved."""
        own = msgspec.msgpack.decode(entry, type=Entry)
        at_us = admitted_us or own.at_us
        own.at_us = at_us - at_us % MINUTE_US
        own.unsettled = own.unsettled or swept
        equal = tuple(getattr(own, name) for name in EQUAL)
        total = self._growing.get((own.at_us, cost is None, budgets, equal))
        if total is None:
            total = self._begun(own, budgets, equal, priced=cost is not None)
        for name in SUMMED:
            setattr(total.entry, name, getattr(total.entry, name) + getattr(own, name))
        if cost is not None:
            total.entry.cost = (total.entry.cost or 0) + cost
        self.added += own.requests

    def read(self, most: int) -> list[bytes]:
        """Return up to `most` totals (msgpack of entries), to which nothing is added any more."""
        while self._growing and len(self._read) < most:
            total = self._growing.pop(next(iter(self._growing)))
            self._read[total.entry.id] = total
        return [msgspec.msgpack.encode(total.entry) for total in self._read.values()]

    def drop(self, entry_id: str) -> None:
        """Forget one that was read."""
        self._read.pop(entry_id, None)

    def all(self) -> list[Total]:
        """Return all of them, those that were read first."""
        return [*self._read.values(), *self._growing.values()]

    def _begun(
        self, own: Entry, budgets: tuple[str, ...], equal: tuple[object, ...], *, priced: bool
    ) -> Total:
        """Return a new total for an entry, or a coarser one where there are too many."""
        named = dict(zip(EQUAL, equal, strict=True))
        size = len(self._growing)
        if size >= MOST:
            named = {}
            if size >= 2 * MOST:
                budgets = ()
        key: Key = (own.at_us, not priced, budgets, tuple(named.values()))
        total = self._growing.get(key)
        if total is None:
            entry = Entry(
                id=f"total-{own.id}-{self.added}",
                at_us=own.at_us,
                requests=0,
                cost=0 if priced else None,
                **named,  # type: ignore[arg-type]
            )
            total = self._growing[key] = Total(budgets, entry)
        return total
