"""The schema, as every start asks for it; tests/store/test_migrate.py has it change."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.store.contract import SchemaMismatch
from sluicegate.store.engine import open_engine
from sluicegate.store.migrate import migrate
from sluicegate.store.schema import STEPS, applied, chain_of, check_schema, is_pre, newest_pre
from support.loops import run


def test_the_chain_is_the_one_that_alembic_follows() -> None:
    scripts = ScriptDirectory(STEPS, version_locations=[STEPS])
    assert chain_of(STEPS) == [script.revision for script in scripts.walk_revisions()][::-1]


def test_a_pre_comes_before_its_post_and_ten_after_nine(tmp_path: Path) -> None:
    order = ["0001_pre", "0001_post", "0002_pre", "0009_pre", "0010_pre", "0010_post"]
    for name in sorted(order):
        (tmp_path / f"schema_{name}.py").touch()
    (tmp_path / "__init__.py").touch()
    assert chain_of(tmp_path) == order
    assert newest_pre(order) == "0010_pre"
    assert [name for name in order if not is_pre(name)] == ["0001_post", "0010_post"]


def test_a_database_says_what_was_applied_last(tmp_path: Path) -> None:
    settings = Settings(store=Store(url=f"sqlite:///{tmp_path}/store.db"))

    async def scene() -> None:
        engine = open_engine(settings)
        async with engine.connect() as connection:
            assert await connection.run_sync(applied) is None
            with pytest.raises(SchemaMismatch, match="no schema yet; run `sluicegate migrate`"):
                await connection.run_sync(check_schema)
        await migrate(settings)
        async with engine.connect() as connection:
            assert await connection.run_sync(applied) == chain_of(STEPS)[-1]
            await connection.run_sync(check_schema)
        await engine.dispose()

    run(scene())
