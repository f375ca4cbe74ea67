"""Entries of the ledger for tests."""

from __future__ import annotations

from itertools import count
from typing import Any

from sluicegate.model.ledger import Entry
from support.mock_clock import EPOCH_US

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


class Entries:
    """Makes entries with ids that no other one has."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self, at_us: int = EPOCH_US, **fields: Any) -> Entry:
        """Return an entry of one request that cost a thousand, unless told."""
        told = {"id": f"worker{next(self._numbers):x}", "cost": 1000, "status": 200} | fields
        return Entry(at_us=at_us, **told)
