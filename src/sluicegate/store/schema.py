"""Which steps there are of the schema, which a database has, and whether this version runs on it.

Steps come in pairs (`migrations/`). A version runs on its own `pre`, on everything up to the next
version's `pre`, and on its own `post`; so replicas of two neighbouring versions run side by side.
What is here is asked at every start, so it knows their names only; `migrate` applies them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from sluicegate.store.contract import SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

STEPS: Final = Path(__file__).parent / "migrations"
VERSIONS: Final = "schema_version"
"""The table in which Alembic keeps what was applied last."""


def check_schema(connection: Connection, steps: Path = STEPS) -> None:
    """Raise SchemaMismatch, which says what to do, unless this version can run on the schema."""
    there = applied(connection)
    chain = chain_of(steps)
    needed = newest_pre(chain)
    if there is None:
        raise SchemaMismatch("the database has no schema yet; run `sluicegate migrate`")
    if there in chain and chain.index(there) < chain.index(needed):
        raise SchemaMismatch(
            f"the schema of the database is {there}, and this version needs {needed}; run "
            "`sluicegate migrate --phase pre`"
        )
    # The next version's `pre` only adds, so it does not matter here; its `post` may take away.
    if there not in chain and _number(there) > _number(chain[-1]) + is_pre(there):
        raise SchemaMismatch(
            f"the schema of the database is {there}, of a version newer than this one; run that"
        )


def applied(connection: Connection) -> str | None:
    """Return the name of the step that was applied last, or None where there is no schema."""
    if not connection.dialect.has_table(connection, VERSIONS):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalar()  # noqa: S608 - no value


def chain_of(steps: Path) -> list[str]:
    """Return the names of all steps, in order: of each version its `pre`, then its `post`."""
    names = [path.stem.removeprefix("schema_") for path in steps.glob("schema_*.py")]
    return sorted(names, key=lambda name: (_number(name), not is_pre(name)))


def newest_pre(chain: Sequence[str]) -> str:
    """Return the last `pre` of a chain, without which this version cannot run."""
    return next(step for step in reversed(chain) if is_pre(step))


def is_pre(step: str) -> bool:
    """Say whether a step only adds, so that the version before goes on."""
    return step.endswith("_pre")


def _number(step: str) -> int:
    return int(step.partition("_")[0])
