"""A store in a file: made when it is not there, private, and used by one replica."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from sluicegate.errors import StoreAway
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.store.contract import SchemaMismatch
from sluicegate.store.sqlite import Sqlite
from support.loops import run
from support.stores import change, opened, write


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path / "data"))


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def test_a_file_is_made_with_its_schema_and_for_us_alone(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await write(store, change("route", "r", {}))
            assert modes(Path(settings.data_dir)) == {0o600}
        async with opened(settings) as store:
            assert await store.head("route", "r")

    run(work())


def test_two_who_make_the_file_at_once_make_it_once(settings: Settings) -> None:
    async def start(number: int) -> None:
        async with opened(settings) as store:
            await write(store, change("route", f"r{number}", {}))

    async def work() -> None:
        await asyncio.gather(*(start(number) for number in range(4)))
        async with opened(settings) as store:
            assert len(await store.listing("route")) == 4

    run(work())


def test_a_file_of_a_newer_version_is_left_alone(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings):
            pass
        file = Path(settings.data_dir) / "sluicegate.db"
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE schema_version SET version_num = '9999_post'")
        with pytest.raises(SchemaMismatch, match="newer"):
            async with opened(settings):
                pass

    run(work())


def test_a_file_that_cannot_be_used_is_a_store_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    settings = Settings(data_dir=str(tmp_path), store=Store(url="sqlite:///folder.db"))

    async def work() -> None:
        with pytest.raises(StoreAway):
            async with opened(settings):
                pass

    run(work())


def test_who_listens_is_told_after_each_commit_until_they_end_it() -> None:
    async def work() -> None:
        server = Sqlite(Settings())
        heard: list[str] = []
        end = await server.listen(lambda: heard.append("one"), lambda: heard.append("lost"))
        await server.listen(lambda: heard.append("other"), lambda: heard.append("lost"))
        server.wrote()
        end()
        end()
        server.wrote()
        assert heard == ["one", "other", "other"]

    run(work())


def test_nobody_is_told_of_what_was_refused(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            heard: list[str] = []
            await store.listen(lambda: heard.append("one"), lambda: None)
            with pytest.raises(ValueError, match="no character"):
                await write(store, change("route", "\0", {}))
            assert heard == []

    run(work())
