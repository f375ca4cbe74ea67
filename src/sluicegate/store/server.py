"""What differs between the servers that a store can be kept on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.ext.asyncio import AsyncConnection

    from sluicegate.store.transactions import Transactions

    Insert = Callable[[Table], sqlite.Insert | postgresql.Insert]
    """Begins an INSERT that may say what to do `on_conflict`."""


class Server(Protocol):
    """One kind of server. Errors of its driver are raised as they come, where no other is named."""

    @property
    def insert(self) -> Insert:
        """Begins an INSERT."""

    async def prepare(self, transactions: Transactions) -> None:
        """Connect and check the schema. Raises SchemaMismatch, StoreAway."""

    def one_of(self, column: ColumnElement[Any], values: Collection[str]) -> ColumnElement[bool]:
        """Return the condition that a column is one of many values, by one bound parameter."""

    async def lock(
        self, connection: AsyncConnection, names: Iterable[tuple[str, str]] | None
    ) -> None:
        """Have a transaction wait for its turn at names, as (kind, name), or at all (None)."""

    async def may_sweep(self, connection: AsyncConnection) -> bool:
        """Say whether nobody else sweeps, and keep it so until the end of the transaction."""

    async def alone(self, connection: AsyncConnection, lock: int) -> None:
        """Have a transaction wait until nobody else is in one with this lock (see `tables`)."""

    async def add(
        self, connection: AsyncConnection, insert: str, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Add rows by an INSERT of one, in the server's words, with its values in their order."""

    def month(self, at_us: ColumnElement[int]) -> ColumnElement[str]:
        """Return the month of UTC microseconds since 1970, as `2026-07`."""

    async def make_months(self, transactions: Transactions, months_us: Iterable[int]) -> None:
        """Make the ledger's partitions of the months that these times are in; harmless again."""

    async def drop_months(self, transactions: Transactions, before_us: int) -> int:
        """Drop the ledger's partitions that end before then; returns how many rows went."""

    def wrote(self) -> None:
        """Take note that revisions of this process were committed."""

    async def listen(
        self, on_arrival: Callable[[], None], on_lost: Callable[[], None]
    ) -> Callable[[], Any]:
        """Listen as `Store.listen` has it. Raises StoreAway."""
