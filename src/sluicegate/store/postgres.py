"""The store on PostgreSQL, for any number of replicas: they take turns by advisory locks.

A transaction that changes a few names holds "all" together with others, and each of its names
alone; one that changes many, or has looked at all, holds "all" alone. Every transaction locks in
the same order (all, names by their numbers, the number of arrivals), so none waits for itself.
Statements see what was committed before each of them began, so what is read under a lock is what
the holder before has left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Text, any_, func, literal, select
from sqlalchemy.dialects import postgresql

from sluicegate.store.listener import listen_to_postgres
from sluicegate.store.schema import check_schema
from sluicegate.store.tables import ALL_NAMES, LOCKS, SWEEPING

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from sluicegate.clock import Clock
    from sluicegate.settings.store import Store
    from sluicegate.store.transactions import Transactions

SECOND_US: Final = 1_000_000


class Postgres:
    """A server. Its schema is made by `sluicegate migrate`."""

    def __init__(self, settings: Store, clock: Clock) -> None:
        """Nothing is connected; `settings` are for what listens, on a connection of its own."""
        self._settings = settings
        self._clock = clock

    def insert(self, table: Table) -> postgresql.Insert:
        """Begin an INSERT."""
        return postgresql.insert(table)

    async def prepare(self, transactions: Transactions) -> None:
        """Check the schema. Raises SchemaMismatch."""
        async with transactions.read() as connection:
            await connection.run_sync(check_schema)

    def one_of(self, column: ColumnElement[Any], values: Collection[str]) -> ColumnElement[bool]:
        """Compare with any element of an array."""
        return column == any_(literal(list(values), postgresql.ARRAY(Text)))

    async def lock(
        self, connection: AsyncConnection, names: Iterable[tuple[str, str]] | None
    ) -> None:
        """Take the locks, in their order, until the end of the transaction."""
        if names is None:
            await connection.execute(select(func.pg_advisory_xact_lock(LOCKS, ALL_NAMES)))
            return
        await connection.execute(select(func.pg_advisory_xact_lock_shared(LOCKS, ALL_NAMES)))
        numbers = sorted({lock_number(kind, name) for kind, name in names})
        listed = func.unnest(literal(numbers, postgresql.ARRAY(BigInteger))).column_valued()
        await connection.execute(select(func.pg_advisory_xact_lock(listed)))

    async def may_sweep(self, connection: AsyncConnection) -> bool:
        """Try for the lock of who sweeps."""
        found = await connection.execute(select(func.pg_try_advisory_xact_lock(LOCKS, SWEEPING)))
        return bool(found.scalar_one())

    async def alone(self, connection: AsyncConnection, lock: int) -> None:
        """Take an advisory lock until the end of the transaction."""
        await connection.execute(select(func.pg_advisory_xact_lock(LOCKS, lock)))

    async def add(
        self, connection: AsyncConnection, insert: str, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Send them all at once."""
        await connection.exec_driver_sql(insert, [*rows])

    def month(self, at_us: ColumnElement[int]) -> ColumnElement[str]:
        """Write the month."""
        moment = func.timezone("UTC", func.to_timestamp(at_us // SECOND_US))
        return func.to_char(moment, "YYYY-MM", type_=Text)

    async def make_months(self, transactions: Transactions, months_us: Iterable[int]) -> None:
        """Have a function do it that runs as the tables' owner, each month by itself."""
        for at_us in months_us:
            async with transactions.write() as connection:
                await connection.execute(select(func.sluicegate_ledger_month(at_us)))

    async def drop_months(self, transactions: Transactions, before_us: int) -> int:
        """Have a function do it that runs as the tables' owner."""
        async with transactions.write() as connection:
            found = await connection.execute(select(func.sluicegate_ledger_expire(before_us)))
            return int(found.scalar_one())

    def wrote(self) -> None:
        """Do nothing: a trigger tells all who listen, this process too."""

    async def listen(
        self, on_arrival: Callable[[], None], on_lost: Callable[[], None]
    ) -> Callable[[], Any]:
        """Listen on a connection of its own."""
        return await listen_to_postgres(self._settings, self._clock, on_arrival, on_lost)


def lock_number(kind: str, name: str) -> int:
    """Return the number of a name's lock, 64 bits. Names that share one take turns, no more."""
    digest = hashlib.blake2b(f"{kind}\0{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
