"""The store in a file, for one replica: SQLite has one writer at a time, which is lock enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import Text, func, select
from sqlalchemy.dialects import sqlite

from sluicegate.errors import StoreAway
from sluicegate.store.away import why_away
from sluicegate.store.contract import SchemaMismatch
from sluicegate.store.schema import check_schema

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from sluicegate.settings import Settings
    from sluicegate.store.transactions import Transactions

SECOND_US: Final = 1_000_000
TOGETHER: Final = (500, 50)
"""Rows of one INSERT, by turns: few forms, so that each is prepared once. A statement has at most
32 766 values (sqlite.org/limits.html)."""


class Sqlite:
    """A file. It is given its schema where it has none, or an older one."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened before `prepare`."""
        self._settings = settings
        self._listeners: dict[object, Callable[[], None]] = {}

    def insert(self, table: Table) -> sqlite.Insert:
        """Begin an INSERT."""
        return sqlite.insert(table)

    async def prepare(self, transactions: Transactions) -> None:
        """Bring the schema to this version. Raises SchemaMismatch for one that is newer."""
        try:
            await _check(transactions)
        except SchemaMismatch:
            await self._migrate()
            await _check(transactions)

    async def _migrate(self) -> None:
        from sluicegate.store.migrate import migrate  # noqa: PLC0415 - Alembic: rarely of use

        try:
            await migrate(self._settings)
        except Exception as error:
            reason = why_away(error)[0]
            if not reason:
                raise
            raise StoreAway(reason) from None

    def one_of(self, column: ColumnElement[Any], values: Collection[str]) -> ColumnElement[bool]:
        """Read the values out of one JSON text."""
        listed = func.json_each(msgspec.json.encode(list(values)).decode()).table_valued("value")
        return column.in_(select(listed.c.value))

    async def lock(
        self, connection: AsyncConnection, names: Iterable[tuple[str, str]] | None
    ) -> None:
        """Do nothing: whoever writes is alone."""

    async def may_sweep(self, connection: AsyncConnection) -> bool:  # noqa: ARG002 - the contract's
        """Say yes: whoever writes is alone."""
        return True

    async def alone(self, connection: AsyncConnection, lock: int) -> None:
        """Do nothing: whoever writes is alone."""

    async def add(
        self, connection: AsyncConnection, insert: str, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Add many with each statement.

        Python's lock changes hands for a statement, which costs more than a row does.
        """
        one = f"({', '.join('?' * len(rows[0]))})"
        at = 0
        for together in TOGETHER:
            many = insert.replace(one, ", ".join([one] * together), 1)
            while len(rows) - at >= together:
                values = tuple(chain.from_iterable(rows[at : at + together]))
                await connection.exec_driver_sql(many, values)
                at += together
        if at < len(rows):
            await connection.exec_driver_sql(insert, [*rows[at:]])

    def month(self, at_us: ColumnElement[int]) -> ColumnElement[str]:
        """Write the month."""
        return func.strftime("%Y-%m", at_us // SECOND_US, "unixepoch", type_=Text)

    async def make_months(self, transactions: Transactions, months_us: Iterable[int]) -> None:
        """Do nothing: there are no partitions."""

    async def drop_months(self, transactions: Transactions, before_us: int) -> int:  # noqa: ARG002 - the contract's
        """Do nothing: there are no partitions."""
        return 0

    def wrote(self) -> None:
        """Tell who listens in this process; there are no others."""
        for listener in list(self._listeners.values()):
            listener()

    async def listen(
        self,
        on_arrival: Callable[[], None],
        on_lost: Callable[[], None],  # noqa: ARG002 - nothing is lost
    ) -> Callable[[], Any]:
        """Call `on_arrival` after each commit of this process."""
        token = object()
        self._listeners[token] = on_arrival
        return lambda: self._listeners.pop(token, None)


async def _check(transactions: Transactions) -> None:
    async with transactions.read() as connection:
        await connection.run_sync(check_schema)
