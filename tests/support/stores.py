"""Stores for tests: on SQLite or PostgreSQL, opened by several replicas, filled in bulk.

async with opened(settings) as store:
    await write(store, change("route", "users", {"service": "users"}))
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.settings import Region, Settings
from sluicegate.store.address import parse_address
from sluicegate.store.contract import Author, Change, Revision, Store
from sluicegate.store.engine import connector
from sluicegate.store.open import open_store
from sluicegate.store.tables import revisions
from sluicegate.store.uuid7 import Uuid7
from support.mock_clock import EPOCH_US, MockClock

ANN = Author("ann", "127.0.0.1", "create")
COLUMNS = [column.name for column in revisions.columns]


WORKER = "_connection_worker_thread"
"""In the names of aiosqlite's threads."""


@asynccontextmanager
async def opened(
    settings: Settings, clock: Clock | None = None, region: str = "local"
) -> AsyncIterator[Store]:
    """Give a started store, closed at the end; its clock stands still unless one is given."""
    settings = msgspec.structs.replace(settings, region=Region(name=region))
    store = open_store(settings, clock or MockClock(), Metrics())
    try:
        try:
            await store.start()
        except BaseException:
            await store.close()
            await threads_ended()
            raise
        yield store
    finally:
        await store.close()


async def threads_ended() -> None:
    """Wait for threads of aiosqlite: one whose file could not be opened still tells the loop."""
    for thread in threading.enumerate():
        if WORKER in thread.name:
            await asyncio.to_thread(thread.join, 10)


def change(
    kind: str, name: str, spec: dict[str, Any] | None, expected: str | None = None
) -> Change:
    """Return a change to `spec`, None to delete; owner and plan as the admin API copies them."""
    if spec is None:
        return Change(kind, name, None, expected)
    owner = spec.get("consumer") if kind == "key" else spec.get("team")
    content = msgspec.json.encode(spec, order="deterministic")
    return Change(kind, name, content, expected, owner, spec.get("plan"))


async def write(store: Store, *changes: Change, author: Author = ANN) -> list[Revision]:
    """Write as Ann."""
    return await store.write(changes, author)


def made(
    kind: str, name: str, spec: dict[str, Any] | None, *, stamp: int = 0, **fields: Any
) -> Revision:
    """Return a revision as another region may have made it; stamped 0 unless told."""
    asked = change(kind, name, spec)
    told = {
        "id": Uuid7().make(EPOCH_US),
        "region": "far",
        "actor": "bob",
        "via": "10.0.0.1",
        "action": "create",
        "at_us": EPOCH_US,
    } | fields
    return Revision(
        kind=kind,
        name=name,
        stamp=stamp,
        content=asked.content,
        owner=asked.owner,
        plan=asked.plan,
        **told,
    )


async def load(settings: Settings, loaded: Iterable[Revision], *, quick: bool = False) -> None:
    """Insert revisions as they are, like those that replication brings.

    `quick`, on PostgreSQL: by one COPY past the trigger, which numbers them afterwards and tells
    nobody; a million takes some 20 s.
    """
    address = parse_address(settings.store.url)
    if address.kind == "sqlite":
        _load_sqlite(address.file(settings.data_dir), loaded)
        return
    link = await connector(msgspec.structs.replace(settings.store, timeout=Duration(600)))()
    try:
        if not quick:
            await _copy(link, loaded)
            return
        async with link.transaction():
            await link.execute("ALTER TABLE revisions DISABLE TRIGGER revisions_arrive")
            await _copy(link, loaded)
            await link.execute(
                "INSERT INTO arrivals (revision) SELECT id FROM revisions r WHERE NOT EXISTS "
                "(SELECT FROM arrivals a WHERE a.revision = r.id) ORDER BY id"
            )
            await link.execute("ALTER TABLE revisions ENABLE ALWAYS TRIGGER revisions_arrive")
        await link.execute("VACUUM ANALYZE")
    finally:
        await link.close()


async def _copy(link: Any, loaded: Iterable[Revision]) -> None:
    rows = (_row(revision, UUID) for revision in loaded)
    await link.copy_records_to_table("revisions", records=rows, columns=COLUMNS)


def _load_sqlite(file: Path, loaded: Iterable[Revision]) -> None:
    marks = ", ".join("?" * len(COLUMNS))
    rows = (_row(revision, lambda text: UUID(text).hex) for revision in loaded)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executemany(
            f"INSERT INTO revisions ({', '.join(COLUMNS)}) VALUES ({marks})", rows
        )


def _row(revision: Revision, as_id: Any) -> Sequence[Any]:
    row = {name: getattr(revision, name) for name in COLUMNS}
    row["id"] = as_id(revision.id)
    row["content"] = None if revision.content is None else revision.content.decode()
    return list(row.values())


def many_keys(
    count: int, *, consumers: int = 1000, hashed: str = "main:" + "0" * 64
) -> Iterator[Revision]:
    """Yield teams, consumers and so many keys of theirs, `sg_local_00000000` and on."""
    ids = Uuid7()
    stamp = (EPOCH_US // 1000) << 16
    rest: dict[str, Any] = {
        "stamp": stamp,
        "region": "local",
        "actor": "ann",
        "via": "127.0.0.1",
        "action": "create",
        "at_us": EPOCH_US,
    }
    for number in range(10):
        content = b'{"plan":"basic"}'
        yield Revision(
            id=ids.make(EPOCH_US), kind="team", name=f"team-{number}", content=content,
            owner=None, plan="basic", **rest,
        )  # fmt: skip
    for number in range(consumers):
        team = f"team-{number % 10}"
        yield Revision(
            id=ids.make(EPOCH_US), kind="consumer", name=f"consumer-{number:07}",
            content=b'{"team":"%b"}' % team.encode(), owner=team, plan=None, **rest,
        )  # fmt: skip
    for number in range(count):
        owner = f"consumer-{number % consumers:07}"
        content = b'{"consumer":"%b","hash":"%b"}' % (owner.encode(), hashed.encode())
        yield Revision(
            id=ids.make(EPOCH_US), kind="key", name=f"sg_local_{number:08}",
            content=content, owner=owner, plan=None, **rest,
        )  # fmt: skip
