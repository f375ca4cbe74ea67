"""The archive in the store, on either server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import delete, false, literal, select, tuple_

from sluicegate.store.archive import ArchiveRow
from sluicegate.store.queries import is_text
from sluicegate.store.tables import archive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row, Select

    from sluicegate.store.archive import ArchiveQuery
    from sluicegate.store.server import Server
    from sluicegate.store.transactions import Transactions

WINDOW: Final = 500
"""Rows deleted in one transaction; each may be some hundred KiB."""
NAMES: Final = tuple(ArchiveRow.__struct_fields__)
SHOWN: Final = tuple(archive.c[name] for name in NAMES if name != "sealed")


class KeptArchive:
    """An `ArchiveStore` on a server, through `transactions`."""

    def __init__(self, transactions: Transactions, server: Server) -> None:
        """Ask nothing yet."""
        self._transactions = transactions
        self._server = server

    async def add(self, rows: Sequence[ArchiveRow]) -> None:
        """Keep calls, all or none; those that are there already stay."""
        if rows:
            added = self._server.insert(archive).on_conflict_do_nothing()
            values = [msgspec.structs.asdict(row) for row in rows]
            async with self._transactions.write() as connection:
                await connection.execute(added, values)

    async def listing(self, query: ArchiveQuery) -> list[ArchiveRow]:
        """Return calls without what was said."""
        asked = _listing(query)
        async with self._transactions.read() as connection:
            found = (await connection.execute(asked)).all()
        return [_row(each) for each in found]

    async def get(self, id_: str) -> ArchiveRow | None:
        """Return one, sealed."""
        if not is_text(id_):
            return None
        asked: Select[Any] = select(*SHOWN, archive.c.sealed).where(archive.c.id == id_)
        async with self._transactions.read() as connection:
            found = (await connection.execute(asked)).one_or_none()
        return None if found is None else _row(found)

    async def expire(self, now_us: int) -> int:
        """Delete those whose time is over, a window at a time."""
        over = select(archive.c.id).where(archive.c.until_us <= now_us).limit(WINDOW)
        gone = 0
        while True:
            async with self._transactions.write() as connection:
                statement = delete(archive).where(archive.c.id.in_(over))
                deleted = (await connection.execute(statement)).rowcount
            gone += deleted
            if deleted < WINDOW:
                return gone


def _listing(query: ArchiveQuery) -> Select[Any]:
    asked = select(*SHOWN).where(
        archive.c.at_us >= query.since_us, archive.c.at_us < query.until_us
    )
    for column, value in ((archive.c.consumer, query.consumer), (archive.c.route, query.route)):
        if value is not None:
            asked = asked.where(column == value if is_text(value) else false())
    if query.before is not None:
        at_us, id_ = query.before
        place = tuple_(literal(at_us), literal(id_))
        asked = asked.where(tuple_(archive.c.at_us, archive.c.id) < place)
    return asked.order_by(archive.c.at_us.desc(), archive.c.id.desc()).limit(query.limit)


def _row(found: Row[Any]) -> ArchiveRow:
    return ArchiveRow(**found._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
