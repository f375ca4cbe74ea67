"""SQLite or PostgreSQL: can it be reached, what is it, what schema has it, what time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from sluicegate.cli.examination.finding import Finding, skew
from sluicegate.cli.migrate import cannot_be_asked
from sluicegate.errors import ConfigError
from sluicegate.store.address import parse_address
from sluicegate.store.contract import AHEAD_S, SchemaMismatch
from sluicegate.store.engine import open_engine
from sluicegate.store.schema import check_schema

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from sluicegate.clock import Clock
    from sluicegate.settings import Settings

OLDEST: Final = 140_000
"""PostgreSQL 14, as `server_version_num` writes it."""


async def store_findings(settings: Settings, clock: Clock) -> list[Finding]:
    """Look at the store. Never raises what the server caused, and writes nothing."""
    address = parse_address(settings.store.url)
    if address.kind == "none":
        return [Finding("store", "ok", "none: the file is all there is")]
    if address.kind == "sqlite" and not address.file(settings.data_dir).exists():
        seen = f"{address.file(settings.data_dir)} is not there yet; `sluicegate run` makes it"
        return [Finding("store", "ok", seen)]
    try:
        engine = open_engine(settings)
    except ConfigError as error:
        return [Finding("store", "fault", str(error))]
    try:
        async with engine.connect() as connection:
            if address.kind == "sqlite":
                findings = await _sqlite(connection, address.file(settings.data_dir))
            else:
                findings = await _postgresql(connection, clock)
            return [*findings, await _schema(connection)]
    except (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return [Finding("store", "fault", str(cannot_be_asked(error)))]
    finally:
        await engine.dispose()


async def _sqlite(connection: AsyncConnection, file: Path) -> list[Finding]:
    version = await _one(connection, "SELECT sqlite_version()")
    return [Finding("store", "ok", f"SQLite {version}, {file}")]


async def _postgresql(connection: AsyncConnection, clock: Clock) -> list[Finding]:
    number = int(await _one(connection, "SELECT current_setting('server_version_num')"))
    version = await _one(connection, "SELECT 'PostgreSQL ' || current_setting('server_version')")
    asked_us = clock.wall_us()
    theirs = await _one(
        connection, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    )
    answered_us = clock.wall_us()
    if number < OLDEST:
        about = Finding("store", "fault", f"{version}; expected 14 or newer")
    else:
        about = Finding("store", "ok", version)
    return [about, skew("store", int(theirs), asked_us, answered_us, AHEAD_S)]


async def _schema(connection: AsyncConnection) -> Finding:
    try:
        await connection.run_sync(check_schema)
    except SchemaMismatch as error:
        return Finding("store", "fault", str(error))
    return Finding("store", "ok", "the schema is one that this version works with")


async def _one(connection: AsyncConnection, question: str) -> Any:  # noqa: ANN401 - any scalar
    return (await connection.execute(text(question))).scalar_one()
