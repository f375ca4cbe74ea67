"""The contract of a store, over either server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert

from sluicegate.store import local, queries, writing
from sluicegate.store.contract import FINAL, Arrivals, KeyRow
from sluicegate.store.kept_archive import KeptArchive
from sluicegate.store.kept_ledger import KeptLedger
from sluicegate.store.sweep import sweep
from sluicegate.store.tables import data_keys
from sluicegate.store.uuid7 import Uuid7, first_of, parse_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Executable, Row

    from sluicegate.clock import Clock
    from sluicegate.store.archive import ArchiveStore
    from sluicegate.store.contract import (
        Answer,
        Author,
        Change,
        DataKey,
        Grounds,
        ReplicaRow,
        Revision,
    )
    from sluicegate.store.ledger import LedgerStore
    from sluicegate.store.server import Server
    from sluicegate.store.transactions import Transactions

FEW_NAMES: Final = 100
"""Names up to which a transaction locks each one; PostgreSQL's table of locks has an end."""
NOTED_AT_ONCE: Final = 1000
"""Rows of one transaction where nothing needs them to be seen together."""


class RevisionStore:
    """A store on a server, through `transactions`. `close` before the loop ends."""

    def __init__(
        self, transactions: Transactions, server: Server, region: str, clock: Clock
    ) -> None:
        """Nothing is connected before `start`."""
        self.region = region
        self._transactions = transactions
        self._server = server
        self._clock = clock
        self._ids = Uuid7()
        self._key = queries.key()
        self.ledger: LedgerStore = KeptLedger(transactions, server, clock)
        self.archive: ArchiveStore = KeptArchive(transactions, server)

    async def start(self) -> None:
        """Connect and check the schema."""
        await self._server.prepare(self._transactions)

    async def close(self) -> None:
        """Let go of connections."""
        await self._transactions.close()

    # --- reading -------------------------------------------------------------------------------

    async def current(self, kinds: Sequence[str]) -> Arrivals:
        """Return the newest of every living name, and the last arrival."""
        final = FINAL & set(kinds)
        found: list[Revision] = []
        async with self._transactions.snapshot() as connection:
            last = (await connection.execute(queries.last_arrival())).scalar_one()
            for some in (set(kinds) - final, final):
                if some:
                    asked = queries.current(some, final=some == final)
                    rows = await connection.execute(asked)
                    found += [queries.revision_of(row) for row in rows]
        return Arrivals(found, last)

    async def arrivals(self, after: int, limit: int = 1000) -> Arrivals:
        """Return what arrived after that number."""
        async with self._transactions.read() as connection:
            rows = (await connection.execute(queries.arrived(after, limit))).all()
            if not rows:
                last = (await connection.execute(queries.last_arrival())).scalar_one()
                return Arrivals([], min(last, after))  # one may have arrived between the two
        kept = [queries.revision_of(row, row.seq) for row in rows if row.id is not None]
        return Arrivals(kept, rows[-1].seq)

    async def head(self, kind: str, name: str) -> Revision | None:
        """Return the newest revision of a name."""
        return _first(await self._revisions(queries.head(kind, name), name))

    async def revision(self, revision_id: str) -> Revision | None:
        """Return a revision."""
        known = parse_id(revision_id)
        return _first(await self._revisions(queries.by_id(known))) if known else None

    async def listing(
        self, kind: str, *, after: str = "", limit: int = 100, prefix: str = "",
        owners: Sequence[str] | None = None, plan: str | None = None,
    ) -> list[Revision]:  # fmt: skip
        """Return a page of the living names of a kind."""
        known = owners if owners is None else [*filter(queries.is_text, owners)]
        page = queries.Page(kind, after, limit, prefix, known, plan)
        asked = queries.listing(page, self._server.one_of)
        return await self._revisions(asked, after, prefix, plan or "")

    async def history(
        self, kind: str, name: str, *, before: str = "", limit: int = 100
    ) -> list[Revision]:
        """Return revisions of a name, newest first."""
        edge = parse_id(before)
        if before and edge is None:
            return []
        return await self._revisions(queries.history(kind, name, edge, limit), name)

    async def audit(
        self, *, before: str = "", limit: int = 100, kinds: Sequence[str] | None = None,
        actor: str | None = None, since_us: int = 0,
    ) -> list[Revision]:  # fmt: skip
        """Return revisions of all names, newest first."""
        edge = parse_id(before)
        if before and edge is None:
            return []
        first = first_of(since_us) if since_us > 0 else None
        asked = queries.audit(edge, first, limit, kinds, actor, since_us)
        return await self._revisions(asked, actor or "")

    async def key(self, name: str) -> KeyRow | None:
        """Return a living key with its consumer and team."""
        rows = await self._rows(self._key, name, bound={"name": name})
        if not rows:
            return None
        row = rows[0]
        return KeyRow(
            name=row.name,
            stamp=row.stamp,
            key=row.content.encode(),
            consumer_name=row.owner or "",
            consumer=_encoded(row.consumer),
            team=_encoded(row.team),
        )

    # --- writing -------------------------------------------------------------------------------

    async def write(
        self, changes: Sequence[Change], author: Author, *,
        looked_at: int | None = None, grounds: Grounds | None = None,
    ) -> list[Revision]:  # fmt: skip
        """Write all changes, or none."""
        writing.refuse_unkept(changes, author)
        names = {(change.kind, change.name) for change in changes}
        has_looked = looked_at is not None or grounds is not None
        alone = has_looked or len(names) > FEW_NAMES
        async with self._transactions.write() as connection:
            await self._server.lock(connection, None if alone else names)
            await writing.refuse_if_moved(connection, looked_at, grounds, self._server.one_of)
            heads = await writing.look(connection, changes, self._server.one_of)
            made = writing.make_revisions(
                changes,
                heads,
                author,
                region=self.region,
                ids=self._ids,
                wall_us=self._clock.wall_us(),
            )
            await writing.add(connection, made)
        self._server.wrote()
        return made

    async def add_data_key(self, key: DataKey) -> None:
        """Keep a wrapped data key."""
        async with self._transactions.write() as connection:
            await connection.execute(insert(data_keys).values(**local.row_of_data_key(key)))

    async def data_keys(self) -> list[DataKey]:
        """Return all wrapped data keys, oldest first."""
        return [local.data_key_of(row) for row in await self._rows(local.all_data_keys())]

    async def remember(self, actor: str, key: str, answer: Answer) -> None:
        """Keep an answer under an idempotency key."""
        kept = local.keep_answer(self._server.insert, actor, key, answer, self._clock.wall_us())
        async with self._transactions.write() as connection:
            await connection.execute(kept)

    async def remembered(self, actor: str, key: str) -> Answer | None:
        """Return it."""
        rows = await self._rows(local.answer(actor, key, self._clock.wall_us()), actor, key)
        return local.answer_of(rows[0]) if rows else None

    async def report(self, replica: ReplicaRow) -> None:
        """Say what a replica runs."""
        async with self._transactions.write() as connection:
            await connection.execute(local.keep_replica(self._server.insert, replica))

    async def replicas(self, since_us: int) -> list[ReplicaRow]:
        """Return replicas seen since then, by name."""
        return [local.replica_of(row) for row in await self._rows(local.replicas_since(since_us))]

    async def used(self, keys: Mapping[str, int]) -> None:
        """Note when keys were used last."""
        statement = local.keep_use(self._server.insert)
        # In one order everywhere: replicas that note the same keys do not wait for each other.
        for names in _chunks(sorted(keys)):
            async with self._transactions.write() as connection:
                await connection.execute(
                    statement, [{"key": name, "at_us": keys[name]} for name in names]
                )

    async def last_used(self, keys: Sequence[str]) -> dict[str, int]:
        """Return when, for those that were ever used here."""
        found: dict[str, int] = {}
        for names in _chunks([*filter(queries.is_text, keys)]):
            rows = await self._rows(local.used_keys(names, self._server.one_of))
            found.update((row.key, row.at_us) for row in rows)
        return found

    async def sweep(self, before_us: int) -> int:
        """Delete revisions that were superseded before then, and what else is too old."""
        async with self._transactions.write() as connection:
            for statement in local.forgotten(self._clock.wall_us()):
                await connection.execute(statement)
        return await sweep(self._transactions, self._server, before_us)

    async def listen(
        self, on_arrival: Callable[[], None], on_lost: Callable[[], None]
    ) -> Callable[[], Any]:
        """Call `on_arrival` when something arrives, `on_lost` once nothing is heard any more."""
        return await self._server.listen(on_arrival, on_lost)

    async def _revisions(self, asked: Executable, *texts: str) -> list[Revision]:
        return [queries.revision_of(row) for row in await self._rows(asked, *texts)]

    async def _rows(
        self, asked: Executable, *texts: str, bound: Mapping[str, Any] | None = None
    ) -> Sequence[Row[Any]]:
        """Ask by one statement. With a text that no row can hold nothing is asked, nor found."""
        if not all(map(queries.is_text, texts)):
            return []
        async with self._transactions.read() as connection:
            return (await connection.execute(asked, bound)).all()


def _first(found: list[Revision]) -> Revision | None:
    return found[0] if found else None


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _chunks(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + NOTED_AT_ONCE] for at in range(0, len(names), NOTED_AT_ONCE)]
