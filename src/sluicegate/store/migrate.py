"""Bringing the schema to this version, by Alembic, without files of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from msgspec.structs import replace
from sqlalchemy import text

from sluicegate.model.units import Duration
from sluicegate.store.address import parse_address
from sluicegate.store.contract import SchemaMismatch
from sluicegate.store.engine import WRITES, open_engine
from sluicegate.store.schema import STEPS, VERSIONS, applied, chain_of, is_pre, newest_pre
from sluicegate.store.tables import LOCKS, METADATA, MIGRATING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from sluicegate.settings import Settings

Phase = Literal["pre", "post"]
PATIENCE: Final = Duration(3600)
"""Of one statement of a migration: an index over a large table takes its time."""
LOCK_S: Final = 3
"""For a lock on a table: whoever reads it meanwhile waits behind us."""


async def migrate(
    settings: Settings, phase: Phase = "post", steps: Path = STEPS
) -> list[tuple[str, str]]:
    """Apply what is missing, all or nothing; return (step, what it does) of what was applied.

    `pre` stops before the newest version's `post`; `post` is everything. Several at once wait for
    each other. Raises SchemaMismatch where `pre` would take away what running replicas may need.
    Errors of the server are raised as they come.
    """
    store = settings.store
    if parse_address(store.url).kind == "postgresql":
        store = replace(store, timeout=PATIENCE)
    engine = open_engine(replace(settings, store=store))
    try:
        async with engine.connect() as connection:
            await connection.execution_options(**{WRITES: True})
            async with connection.begin():
                if engine.dialect.name == "postgresql":
                    for statement in (
                        f"SELECT pg_advisory_xact_lock({LOCKS}, {MIGRATING})",
                        f"SET LOCAL lock_timeout = '{LOCK_S}s'",
                    ):
                        await connection.execute(text(statement))
                return await connection.run_sync(_upgrade, phase, steps)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, phase: Phase, steps: Path) -> list[tuple[str, str]]:
    scripts = ScriptDirectory(steps, version_locations=[steps])
    chain, there = chain_of(steps), applied(connection)
    if there is not None and there not in chain:
        return []  # a newer version was here: there is nothing that this one could add
    target = newest_pre(chain) if phase == "pre" else chain[-1]
    missing = chain[chain.index(there) + 1 if there else 0 : chain.index(target) + 1]
    if phase == "pre" and there is not None:
        _refuse_posts(missing)
    context = EnvironmentContext(
        Config(), scripts, fn=lambda rev, _: scripts._upgrade_revs(target, rev)  # noqa: SLF001 - as `alembic upgrade` does
    )  # fmt: skip
    with context:
        context.configure(connection, version_table=VERSIONS, target_metadata=METADATA)
        context.run_migrations()
    return [(step, _told(scripts, step)) for step in missing]


def _refuse_posts(missing: Sequence[str]) -> None:
    post = next((step for step in missing if not is_pre(step)), None)
    if post is not None:
        raise SchemaMismatch(
            f"`{post}` of an earlier version was not run yet; when no replica older than that "
            "version runs any more, use `sluicegate migrate --phase post` of that version"
        )


def _told(scripts: ScriptDirectory, step: str) -> str:
    return scripts.get_revision(step).doc.rstrip(".")
