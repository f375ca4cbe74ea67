"""Deleting what was superseded long ago, a window at a time: no lock is held for long.

Windows go along the ids of revisions, which begin with when they were made, and along the numbers
of arrivals. The last arrival always stays: its number is how far a follower can have read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, or_, select, tuple_

from sluicegate.store.contract import FINAL
from sluicegate.store.queries import last_arrival
from sluicegate.store.tables import arrivals, revisions
from sluicegate.store.uuid7 import first_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Delete, Select

    from sluicegate.store.server import Server
    from sluicegate.store.transactions import Transactions

WINDOW: Final = 2000
"""Rows looked at in one transaction: some 20 ms, for which other writers of SQLite wait."""


async def sweep(
    transactions: Transactions, server: Server, before_us: int, size: int = WINDOW
) -> int:
    """Delete revisions that were superseded before then; return how many.

    Ends early where another replica sweeps. Raises StoreAway: what was deleted until then is gone.
    """
    deleted = 0
    after, stop = first_of(0), first_of(before_us)
    while after < stop:
        async with transactions.write() as connection:
            if not await server.may_sweep(connection):
                return deleted
            asked = end_of_window(revisions.c.id, after, stop, size)
            end = (await connection.execute(asked)).scalar() or stop
            deleted += (await connection.execute(superseded(after, end, before_us))).rowcount
        after = end
    await _sweep_arrivals(transactions, server, size)
    return deleted


async def _sweep_arrivals(transactions: Transactions, server: Server, size: int) -> None:
    after = 0
    while True:
        async with transactions.write() as connection:
            last = (await connection.execute(last_arrival())).scalar_one()
            if after >= last - 1 or not await server.may_sweep(connection):
                return
            asked = end_of_window(arrivals.c.seq, after, last, size)
            end = (await connection.execute(asked)).scalar() or last - 1
            await connection.execute(unkept(after, end))
        after = end


def end_of_window(
    column: ColumnElement[Any], after: object, stop: object, size: int
) -> Select[Any]:
    """Ask for the value of a unique column that is `size` rows behind `after`, below `stop`."""
    window = select(column).where(column > after, column < stop).order_by(column)
    return window.offset(size - 1).limit(1)


def superseded(after: str, end: str, before_us: int) -> Delete:
    """Delete revisions with ids from `after` (exclusive) to `end` that were superseded by then."""
    newer = revisions.alias()
    follows = tuple_(newer.c.stamp, newer.c.id) > tuple_(revisions.c.stamp, revisions.c.id)
    final = revisions.c.kind.in_(sorted(FINAL))
    of_its_name = select(newer.c.id).where(
        newer.c.kind == revisions.c.kind,
        newer.c.name == revisions.c.name,
        newer.c.at_us < before_us,
        or_(follows, and_(final, newer.c.content.is_(None))),
    )
    return delete(revisions).where(
        revisions.c.id > after,
        revisions.c.id <= end,
        or_(~final, revisions.c.content.is_not(None)),
        _exists(of_its_name),
    )


def unkept(after: int, end: int) -> Delete:
    """Delete arrivals in (after, end] whose revision is no longer kept."""
    kept = select(revisions.c.id).where(revisions.c.id == arrivals.c.revision)
    return delete(arrivals).where(arrivals.c.seq > after, arrivals.c.seq <= end, ~_exists(kept))


def _exists(found: Select[Any]) -> ColumnElement[bool]:
    """Say per row whether there is one; EXISTS may become a join with the whole table."""
    return found.limit(1).scalar_subquery().is_not(None)
