"""Calls that are charged to budgets: with counts and lines in memory, and a store.

books = Books(store.ledger, clock)
books.begin("=acme")
await books.call("acme", 3 * NANO)
await books.move()
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec

from sluicegate.admin.budget_places import LENGTHS_US, bounds_of
from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.metrics import Metrics
from sluicegate.model.ledger import Entry
from sluicegate.state.contract import Ask, Group, Limit
from sluicegate.state.ledger_in_memory import LedgerInMemory
from sluicegate.state.memory import MemoryState
from support.mock_clock import MockClock

PLACE = "budget;;consumer;gateway"
NANO = 10**9


class Books:
    """Budgets of consumers, 100 dollars each in every period, and their ledger."""

    def __init__(self, store: Any, clock: MockClock, periods: Sequence[Any] = ("month",)) -> None:
        self.store = store
        self.clock = clock
        self.state = MemoryState(clock, Metrics())
        self.kept = self.state.ledger
        self.ledger = LedgerInMemory(self.kept, clock)
        self._numbers = count(1)
        self._periods = periods

    def ask(self, subject: str, place: str = PLACE) -> Ask:
        """Return what a call takes of a budget."""
        limits = [
            Limit(f"spending-{each}", Spending(100 * NANO, LENGTHS_US[each], (80,)))
            for each in self._periods
        ]
        return Ask(Group(place, limits, settles=True), subject, 0)

    def begin(self, subject: str, place: str = PLACE) -> None:
        """Begin the counts of a budget from nothing."""
        now_us = self.clock.wall_us()
        fresh = [(bounds_of(each, now_us)[0], 0, 0) for each in self._periods]
        self.kept.keep(self.ask(subject, place), fresh, now_us)

    def entry(self, **fields: Any) -> Entry:
        """Return an entry of now, of the region that tests are in."""
        number = next(self._numbers)
        known = {"id": f"e-{number:04}", "at_us": self.clock.wall_us(), "region": "local"}
        return Entry(**{**known, **fields})

    async def call(self, consumer: str, nano: int, place: str = PLACE, **fields: Any) -> Entry:
        """Charge a call to the budget that a consumer has at `place`; nothing was reserved."""
        entry = self.entry(consumer=consumer, cost=nano, **fields)
        ask = self.ask(f"={consumer}", place)
        packed = msgspec.msgpack.encode(entry)
        await self.state.settle([ask], entry.id, [nano], packed, nano)
        return entry

    async def move(self) -> None:
        """Move what waits to the store."""
        batch = await self.ledger.read("tests", 1000)
        assert batch is not None
        await self.store.book([self.booked(line) for line in batch.lines])
        await self.ledger.moved("tests", batch)

    @staticmethod
    def booked(line: Any) -> Entry:
        """Return what the store keeps of a line."""
        entry = msgspec.msgpack.decode(line.entry, type=Entry)
        return msgspec.structs.replace(entry, cost=line.cost, at_us=line.at_us or entry.at_us)
