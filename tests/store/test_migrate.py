from __future__ import annotations

import ast
import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.store.contract import SchemaMismatch
from sluicegate.store.engine import open_engine
from sluicegate.store.migrate import migrate
from sluicegate.store.schema import STEPS, VERSIONS, check_schema
from sluicegate.store.tables import METADATA, revisions
from support.loops import run
from support.postgres import store_settings

OURS = [
    (path.stem.removeprefix("schema_"), (ast.get_docstring(ast.parse(path.read_text())) or "")[:-1])
    for path in sorted(STEPS.glob("schema_*.py"))
]
"""All steps that there are, with what each does."""
LAST = OURS[-1][0]
NEXT_PRE, NEXT_POST, LATER_PRE = (
    f"{int(LAST[:4]) + later:04}_{phase}" for later, phase in ((1, "pre"), (1, "post"), (2, "pre"))
)
NEXT = {
    NEXT_PRE: f'''"""Say where a change came from in `origin`."""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT_PRE}"
down_revision = "{LAST}"


def upgrade():
    op.add_column("revisions", sa.Column("origin", sa.Text(), server_default="unknown"))
''',
    NEXT_POST: f'''"""`via` is `origin` now."""

from alembic import op

revision = "{NEXT_POST}"
down_revision = "{NEXT_PRE}"


def upgrade():
    op.drop_column("revisions", "via")
''',
    LATER_PRE: f'''"""Something further."""

import sqlalchemy as sa
from alembic import op

revision = "{LATER_PRE}"
down_revision = "{NEXT_POST}"


def upgrade():
    op.add_column("revisions", sa.Column("further", sa.Text()))
''',
}
"""Steps of versions to come, with an addition and a removal."""
ROW = {
    "id": "01938a5e-0000-7000-8000-000000000001",
    "kind": "plan",
    "name": "free",
    "stamp": 1,
    "region": "local",
    "actor": "ada",
    "via": "127.0.0.1",
    "action": "create",
    "at_us": 1,
}


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a database that has no schema yet."""
    if request.param == "sqlite":
        return Settings(store=Store(url=f"sqlite:///{tmp_path}/store.db"))
    return store_settings(request.getfixturevalue("postgres").database(empty=True))


def steps_until(folder: Path, last: str) -> Path:
    """Return a folder with our steps, and those to come up to one."""
    shutil.copytree(STEPS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, code in NEXT.items():
        (folder / f"schema_{name}.py").write_text(code)
        if name == last:
            break
    return folder


async def on(settings: Settings, work: Any) -> Any:
    """Run `work(connection)`, a function, or a statement, in a transaction."""
    engine = open_engine(settings)
    try:
        async with engine.begin() as connection:
            if callable(work):
                return await connection.run_sync(work)
            done = await connection.execute(text(work) if isinstance(work, str) else work)
            return done.fetchall() if done.returns_rows else None
    finally:
        await engine.dispose()


def test_a_new_database_gets_the_whole_schema_and_a_second_time_nothing(bare: Settings) -> None:
    assert run(migrate(bare)) == OURS
    assert run(migrate(bare)) == []
    assert run(migrate(bare, "pre")) == []
    run(on(bare, check_schema))


def test_what_the_steps_make_is_what_the_tables_say(bare: Settings) -> None:
    run(migrate(bare))

    def differences(connection: Connection) -> list[Any]:
        options = {
            "version_table": VERSIONS,
            "compare_type": True,
            # A partition and its indexes are those of the table.
            "include_object": lambda _, name, *__: not name.startswith("ledger_rest"),
        }
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, METADATA))

    assert run(on(bare, differences)) == []


def test_several_who_migrate_at_once_wait_for_each_other(bare: Settings) -> None:
    async def together() -> list[Any]:
        return await asyncio.gather(*(migrate(bare) for _ in range(3)))

    assert sorted(run(together())) == [[], [], OURS]


def test_a_step_that_fails_leaves_nothing_behind(bare: Settings, tmp_path: Path) -> None:
    steps = steps_until(tmp_path / "steps", NEXT_PRE)
    broken = steps / f"schema_{NEXT_PRE}.py"
    broken.write_text(f"{broken.read_text()}    op.execute('no such statement')\n")
    with pytest.raises(Exception, match="syntax error"):
        run(migrate(bare, steps=steps))
    with pytest.raises(SchemaMismatch, match="has no schema yet; run `sluicegate migrate`"):
        run(on(bare, check_schema))
    assert run(migrate(bare)) == OURS


def test_this_version_goes_on_after_the_next_ones_pre(bare: Settings, tmp_path: Path) -> None:
    run(migrate(bare))
    steps = steps_until(tmp_path / "steps", NEXT_POST)
    assert [step for step, _ in run(migrate(bare, "pre", steps))] == [NEXT_PRE]
    run(on(bare, check_schema))
    run(on(bare, revisions.insert().values(**ROW)))
    assert run(on(bare, revisions.select()))[0].name == "free"
    assert run(migrate(bare)) == []


def test_the_next_version_runs_before_its_post_and_after_it(bare: Settings, tmp_path: Path) -> None:
    run(migrate(bare))
    steps = steps_until(tmp_path / "steps", NEXT_POST)
    run(migrate(bare, "pre", steps))
    run(on(bare, revisions.insert().values(**ROW)))

    def check(connection: Connection) -> None:
        check_schema(connection, steps)

    for phase in ("pre", "post"):
        run(migrate(bare, phase, steps))
        run(on(bare, check))
        assert run(on(bare, "SELECT name, origin FROM revisions")) == [("free", "unknown")]


def test_this_version_does_not_run_after_the_next_ones_post(bare: Settings, tmp_path: Path) -> None:
    run(migrate(bare, steps=steps_until(tmp_path / "steps", NEXT_POST)))
    with pytest.raises(SchemaMismatch, match=f"{NEXT_POST}, of a version newer than this one"):
        run(on(bare, check_schema))


def test_the_next_version_says_what_it_needs(bare: Settings, tmp_path: Path) -> None:
    run(migrate(bare))
    steps = steps_until(tmp_path / "steps", NEXT_POST)
    with pytest.raises(
        SchemaMismatch, match=f"needs {NEXT_PRE}; run `sluicegate migrate --phase pre"
    ):
        run(on(bare, lambda connection: check_schema(connection, steps)))


def test_a_pre_does_not_take_away_what_a_version_left_out_may_need(
    bare: Settings, tmp_path: Path
) -> None:
    run(migrate(bare))
    steps = steps_until(tmp_path / "steps", LATER_PRE)
    with pytest.raises(
        SchemaMismatch, match=f"`{NEXT_POST}` of an earlier version was not run yet"
    ):
        run(migrate(bare, "pre", steps))
    run(on(bare, check_schema))
    assert len(run(migrate(bare, "post", steps))) == len(NEXT)


def test_this_version_does_not_run_on_the_schema_of_one_after_the_next(
    bare: Settings, tmp_path: Path
) -> None:
    run(migrate(bare, steps=steps_until(tmp_path / "steps", LATER_PRE)))
    with pytest.raises(SchemaMismatch, match=LATER_PRE):
        run(on(bare, check_schema))


# --- a `pre` may only add -----------------------------------------------------------------------

ADDS = {"add_column", "create_index", "create_table", "execute", "get_bind"}
TAKES = ("alter column", "delete", "drop", "rename", "set not null", "truncate", "update")


def takings(code: str) -> list[str]:
    """Return what a step does that replicas of the version before could miss."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, name = ast.unparse(node.func.value), node.func.attr
            if owner == "op" and name not in ADDS:
                found.append(name)
            if owner == "op" and name == "add_column" and "nullable=False" in ast.unparse(node):
                found.append("a column that must be filled")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += [words for words in TAKES if f" {words} " in f" {node.value.lower()} "]
    return found


def test_every_step_has_its_place_in_a_pair() -> None:
    names = sorted(path.stem for path in STEPS.glob("schema_*.py"))
    pres = [name for name in names if name.endswith("_pre")]
    assert pres == [f"schema_{number + 1:04}_pre" for number in range(len(pres))]
    assert {name.replace("_post", "_pre") for name in names} == set(pres)
    for name in names:
        assert f'"{name.removeprefix("schema_")}"' in (STEPS / f"{name}.py").read_text()


def test_a_pre_only_adds() -> None:
    paths = sorted(STEPS.glob("schema_*_pre.py"))
    assert paths
    assert {path.stem: takings(path.read_text()) for path in paths} == {
        path.stem: [] for path in paths
    }


@pytest.mark.parametrize(
    "statement",
    [
        "op.drop_column('revisions', 'via')",
        "op.alter_column('revisions', 'via', nullable=False)",
        "op.add_column('revisions', sa.Column('more', sa.Text(), nullable=False))",
        "op.execute('UPDATE revisions SET via = 1')",
        "op.execute('alter table revisions drop column via')",
    ],
)
def test_the_check_of_steps_sees_what_is_taken(statement: str) -> None:
    assert takings(statement)
