"""Opening the store: SQLAlchemy over asyncpg, or over aiosqlite.

Whoever begins a transaction of an engine says by an execution option what it is for:
`WRITES` takes SQLite's only lock for writers at once, where it is waited for, and not at the first
write, where it would be an error.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from sqlite3 import OperationalError
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import create_async_engine

from sluicegate.state.redis.dial import tls_context
from sluicegate.store.address import parse_address

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine

    from sqlalchemy import Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
    from sqlalchemy.ext.asyncio import AsyncEngine

    from sluicegate.settings import Settings
    from sluicegate.settings.store import Store
    from sluicegate.store.address import StoreAddress

WRITES: Final = "sluicegate_writes"
LINKS: Final = "sluicegate_links"
"""The option under which an engine of PostgreSQL has its `Links`."""
SHARE: Final = 0.8
"""Part of the timeout after which the server ends a statement, and after which no connection of the
pool is waited for. Where the whole has passed without that, the server is lost."""
OPENERS: Final = 20
"""So often a new file may be found locked by others who open it for the first time, too."""


class Link(asyncpg.Connection):  # type: ignore[misc]  # asyncpg says nothing of its types
    """A connection that is closed at once, whether or not the server takes part in it."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - asyncpg's
        """End it; what the server still does for it ends with the statement's time."""
        self.terminate()


class FileLink(sqlite3.Connection):
    """A connection to a file that holds no lock any more once it is closed.

    SQLite keeps a closed connection, with its transaction, as long as one of its statements is
    held (https://www.sqlite.org/c3ref/close.html): in the traceback of work that was cancelled.
    """

    def close(self) -> None:
        """Roll back what is open, and close."""
        with suppress(sqlite3.Error):  # such as: it is closed
            self.rollback()
        super().close()


class Links:
    """The connections of an engine, those too that its pool has lost sight of."""

    def __init__(self, connect: Callable[[], Coroutine[Any, Any, Link]]) -> None:
        """Open by `connect`."""
        self._connect = connect
        self._open: WeakSet[Link] = WeakSet()

    async def open(self) -> Link:
        """Return a new connection."""
        link = await self._connect()
        self._open.add(link)
        return link

    def end(self) -> None:
        """Cut what is still open: work that was cancelled in the middle leaves some behind."""
        for link in list(self._open):
            if not link.is_closed():
                link.terminate()


def open_engine(settings: Settings) -> AsyncEngine:
    """Make the engine for `settings.store`; nothing is connected yet.

    Raises ConfigError where files of `store.tls` cannot be used, ValueError for a `url` that
    `store_faults` would have found, and for `none`.
    """
    store = settings.store
    address = parse_address(store.url)
    if address.kind == "sqlite":
        return _sqlite(address.file(settings.data_dir), store)
    if address.kind == "none":
        raise ValueError("there is no store")
    links = Links(connector(store))
    return create_async_engine(
        URL.create("postgresql+asyncpg"),
        async_creator=links.open,
        execution_options={LINKS: links},
        pool_size=store.connections,
        max_overflow=0,
        pool_timeout=store.timeout * SHARE,
        hide_parameters=True,
    )


def connector(store: Store) -> Callable[[], Coroutine[Any, Any, Link]]:
    """Return what opens one connection to PostgreSQL."""
    address = parse_address(store.url)
    arguments: dict[str, Any] = {
        "host": list(address.hosts),
        "port": list(address.ports),
        "database": address.database,
        "user": store.username,
        "password": store.password or "",  # None would have it look into the environment
        "ssl": _tls(store, address) or False,
        "timeout": float(store.connect_timeout),
        "command_timeout": float(store.timeout),
        "target_session_attrs": "read-write",
        "connection_class": Link,
        "server_settings": {
            "application_name": "sluicegate",
            "statement_timeout": str(max(1, int(store.timeout * SHARE * 1000))),
            "idle_in_transaction_session_timeout": str(max(1000, int(store.timeout * 2000))),
        },
    }

    async def connect() -> Link:
        found: Link = await asyncpg.connect(**arguments)
        return found

    return connect


def _tls(store: Store, address: StoreAddress) -> ssl.SSLContext | None:
    mode = store.tls.mode
    if mode == "off" or (mode == "auto" and address.is_here):
        return None
    return tls_context(store.tls, "store.tls")


def _sqlite(file: Path, store: Store) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(file)),
        pool_size=store.connections,
        max_overflow=0,
        pool_timeout=store.timeout * SHARE,
        connect_args={"timeout": float(store.timeout), "factory": FileLink},
        hide_parameters=True,
    )

    def on_connect(connection: DBAPIConnection, _: object) -> None:
        connection.isolation_level = None  # BEGIN is ours, below
        try:
            cursor = connection.cursor()
            _write_ahead(cursor)
            for pragma in ("synchronous = FULL", "foreign_keys = ON"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
        except BaseException:
            connection.close()  # the pool does not know it yet; it would keep its thread
            raise

    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine.sync_engine, "do_connect", lambda *_: _make_private(file))
    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)
    return engine


def _write_ahead(cursor: DBAPICursor) -> None:
    """Have the file written ahead; raises the driver's error where it stays locked.

    The switch is done once in a file's life, and SQLite does not wait for its locks. Where somebody
    else is at it, we wait as writers do and look again.
    """
    for _ in range(OPENERS):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except OperationalError:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
        else:
            return
    cursor.execute("PRAGMA journal_mode = WAL")


def _make_private(file: Path) -> None:
    """Make folder and file ours alone; SQLite's own files beside it take the file's mode.

    A file that is there is not touched: closing it would end the locks that SQLite has on it for
    this process.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
