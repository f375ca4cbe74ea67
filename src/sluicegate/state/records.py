"""What requests under way have taken, until they are settled."""

from __future__ import annotations

from typing import Final

LIFE_US: Final = 3600 * 1_000_000
"""Longer than requests last. What is not settled by then stays charged."""
MOST: Final = 100_000
"""Tickets; about 40 MB. The oldest one is forgotten first, and stays charged."""
NOTHING: Final = -1
"""In place of a cost: a group that nothing was taken from."""


class Record:
    """What one ticket took: when (wall time), and its cost for each ask, or `NOTHING`."""

    __slots__ = ("costs", "taken_us")

    def __init__(self, taken_us: int, costs: list[int]) -> None:
        """Keep the numbers."""
        self.taken_us = taken_us
        self.costs = costs


class Records:
    """Records by ticket, the oldest one first."""

    __slots__ = ("_by_ticket",)

    def __init__(self) -> None:
        """Start with none."""
        self._by_ticket: dict[str, Record] = {}

    def __len__(self) -> int:
        """Count them."""
        return len(self._by_ticket)

    def add(self, ticket: str, record: Record) -> None:
        """Keep a record, and forget what is too old or too much."""
        by_ticket = self._by_ticket
        while by_ticket:
            oldest = next(iter(by_ticket))
            young = by_ticket[oldest].taken_us + LIFE_US > record.taken_us
            if young and len(by_ticket) < MOST:
                break
            del by_ticket[oldest]
        by_ticket[ticket] = record

    def pop(self, ticket: str) -> Record | None:
        """Return a record and forget it: nothing is settled twice."""
        return self._by_ticket.pop(ticket, None)
