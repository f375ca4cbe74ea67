"""Settings decide what a store is kept on."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.metrics import Metrics
from sluicegate.settings import Region, Settings
from sluicegate.settings.store import Store
from sluicegate.store.open import open_store
from support.loops import run
from support.mock_clock import MockClock
from support.postgres import store_settings
from support.stores import change, opened, write


def test_without_settings_it_is_a_file_of_the_data_folder(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(Settings(data_dir=str(tmp_path))) as store:
            await write(store, change("route", "r", {}))

    run(work())
    assert (tmp_path / "sluicegate.db").exists()


def test_a_url_of_postgresql_is_postgresql(postgres_url: str) -> None:
    async def work() -> None:
        async with opened(store_settings(postgres_url), region="us-1") as store:
            assert store.region == "us-1"
            [wrote] = await write(store, change("route", "r", {}))
            assert wrote.region == "us-1"

    run(work())


def test_none_is_no_store() -> None:
    with pytest.raises(ValueError, match="no store"):
        open_store(Settings(store=Store(url="none")), MockClock(), Metrics())


def test_nothing_is_made_before_the_start(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path / "data"), region=Region(name="eu"))
    assert open_store(settings, MockClock(), Metrics()).region == "eu"
    assert not (tmp_path / "data").exists()
