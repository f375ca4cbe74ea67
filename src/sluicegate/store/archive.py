"""What the store keeps of prompts and answers: sealed, with what a list of them shows beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class ArchiveRow(msgspec.Struct, frozen=True):
    """One call. `sealed` is what `Vault.encrypt` made of all of it, as JSON; "" in lists."""

    id: str
    at_us: int
    until_us: int
    consumer: str | None
    team: str | None
    route: str | None
    model: str | None
    status: int
    request_id: str
    request_bytes: int
    answer_bytes: int
    redacted: int
    sealed: str = ""


class ArchiveQuery(msgspec.Struct, frozen=True):
    """Which calls, newest first: from `since_us` until before `until_us`, of whom where given.

    `before` are `at_us` and `id` of the last one of the page before.
    """

    since_us: int = 0
    until_us: int = 2**62
    consumer: str | None = None
    route: str | None = None
    before: tuple[int, str] | None = None
    limit: int = 100


class ArchiveStore(Protocol):
    """Every call is bounded by `store.timeout` and raises StoreAway when that has passed."""

    async def add(self, rows: Sequence[ArchiveRow]) -> None:
        """Keep calls, all or none; those that are there already stay."""

    async def listing(self, query: ArchiveQuery) -> list[ArchiveRow]:
        """Return calls without what was said."""

    async def get(self, id_: str) -> ArchiveRow | None:
        """Return one, sealed."""

    async def expire(self, now_us: int) -> int:
        """Delete those whose time is over; returns how many."""


def sealed_as(id_: str) -> str:
    """Return the name that a call is sealed under, which is that of no secret."""
    return f"archive:{id_}"
