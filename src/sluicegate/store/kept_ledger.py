"""The ledger in the store, on either server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from sluicegate.errors import StoreAway
from sluicegate.store import ledger_queries as queries
from sluicegate.store.ledger_rows import FIELDS, entry_of, row_of
from sluicegate.store.queries import is_text
from sluicegate.store.tables import BOOKING, ledger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from sluicegate.clock import Clock
    from sluicegate.model.ledger import Entry
    from sluicegate.store.ledger import UsageQuery, UsageRow
    from sluicegate.store.server import Server
    from sluicegate.store.transactions import Transactions

Rows = dict[str, tuple[Any, ...]]
"""By id, each in the order of `COLUMNS`."""
DAY_US: Final = 86_400_000_000
AGAIN_US: Final = DAY_US
"""An entry may come a second time with another time of admission: so far apart it is the same."""
AHEAD: Final = 2
"""Months to come that have a partition."""
WINDOW: Final = 2000
"""Rows deleted in one transaction, as in `sweep`."""
LEAST_US: Final = 1_577_836_800_000_000
"""2020: what is said to be older has no time, and gets no partition."""


class KeptLedger:
    """A `LedgerStore` on a server, through `transactions`."""

    def __init__(self, transactions: Transactions, server: Server, clock: Clock) -> None:
        """Ask nothing yet."""
        self._transactions = transactions
        self._server = server
        self._clock = clock
        self._tried: set[int] = set()
        self._adding = ""

    async def book(self, entries: Sequence[Entry]) -> int:
        """Keep entries, all or none; those that are there already stay."""
        rows: Rows = {row[0]: row for row in reversed([row_of(each) for each in entries])}
        if not rows:
            return 0
        await self._make_room([row[1] for row in rows.values()])
        async with self._transactions.write() as connection:
            await self._server.alone(connection, BOOKING)
            for known in await self._known(connection, rows):
                del rows[known]
            if rows:
                await self._server.add(connection, self._insert(connection), [*rows.values()])
        return len(rows)

    async def spent(self, where: Mapping[str, str | None], since_us: int, until_us: int) -> int:
        """Return the nano-USD of entries that were admitted then and agree with `where`."""
        [row] = await self._rows(queries.spent(where, since_us, until_us))
        return int(row[0])

    async def usage(self, query: UsageQuery) -> list[UsageRow]:
        """Add up."""
        found = await self._rows(queries.usage(query, self._server.month))
        if not query.by and not found[0][0]:
            return []
        return [queries.usage_row(query.by, row) for row in found]

    async def entries(
        self, since_us: int, until_us: int, where: Mapping[str, str | None], *, limit: int = 100,
        before: tuple[int, str] | None = None,
    ) -> list[Entry]:  # fmt: skip
        """Return entries, newest first."""
        if before is not None and not is_text(before[1]):
            return []
        asked = queries.newest(since_us, until_us, where, limit, before)
        return [entry_of(row) for row in await self._rows(asked)]

    async def prepare(self, now_us: int) -> None:
        """Make the partitions of this month and of the next ones."""
        months = {month_us(now_us, ahead) for ahead in range(AHEAD + 1)}
        await self._server.make_months(self._transactions, sorted(months))
        self._tried |= months

    async def expire(self, before_us: int) -> int:
        """Delete entries admitted before then."""
        gone = await self._server.drop_months(self._transactions, before_us)
        while True:
            async with self._transactions.write() as connection:
                deleted = (await connection.execute(queries.expired(before_us, WINDOW))).rowcount
            gone += deleted
            if deleted < WINDOW:
                return gone

    async def _make_room(self, times_us: Sequence[int]) -> None:
        """Make partitions of months that have none yet, once; without one there is the rest's."""
        until_us = month_us(self._clock.wall_us(), AHEAD + 1)
        times = [at_us for at_us in times_us if LEAST_US <= at_us < until_us]
        if times and month_us(min(times)) == month_us(max(times)):
            times = times[:1]
        wanted = {month_us(at_us) for at_us in times}
        missing = sorted(wanted - self._tried)
        if not missing:
            return
        try:
            await self._server.make_months(self._transactions, missing)
        except StoreAway:
            return  # whoever goes on finds out whether it still is
        except SQLAlchemyError as error:
            reason = type(error).__name__
            structlog.get_logger().warning("ledger_partition_not_made", reason=reason)
        self._tried.update(missing)

    def _insert(self, connection: AsyncConnection) -> str:
        """Write the INSERT, once: to go through every value again takes three times as long."""
        if not self._adding:
            added = (
                self._server.insert(ledger).values(dict.fromkeys(FIELDS)).on_conflict_do_nothing()
            )
            written = added.compile(dialect=connection.dialect, column_keys=list(FIELDS))
            if tuple(written.positiontup or ()) != FIELDS:
                raise RuntimeError("the columns of the ledger are in another order")
            self._adding = str(written)
        return self._adding

    async def _known(self, connection: AsyncConnection, rows: Rows) -> Sequence[str]:
        """Return the ids that are there already."""
        times = [row[1] for row in rows.values()]
        asked = select(ledger.c.id).where(
            self._server.one_of(ledger.c.id, rows),
            ledger.c.at_us.between(min(times) - AGAIN_US, max(times) + AGAIN_US),
        )
        found = await connection.execute(asked.distinct())
        ids: Sequence[str] = found.scalars().all()
        return ids

    async def _rows(self, asked: Select[Any]) -> Sequence[Row[Any]]:
        async with self._transactions.read() as connection:
            found = await connection.execute(asked)
            rows: Sequence[Row[Any]] = found.all()
            return rows


def month_us(at_us: int, later: int = 0) -> int:
    """Return when the month begins that is so many months later, UTC microseconds since 1970."""
    moment = datetime.fromtimestamp(at_us // 1_000_000, UTC)
    months = moment.year * 12 + moment.month - 1 + later
    first = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
    return int(first.timestamp()) * 1_000_000
