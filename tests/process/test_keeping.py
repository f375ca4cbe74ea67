from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from sluicegate.clock import Clock
from sluicegate.errors import ConfigError
from sluicegate.metrics import Metrics
from sluicegate.process.keeping import Keeping, Secrets
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.snapshot.document import Resources, encode, peppers_of

PEPPER = "p" * 32
DECLARED = Resources.of({("pepper", "main"): encode(PEPPER), ("pepper", "old"): encode("o" * 32)})
NOTHING = Resources.of({})


def sqlite(folder: Path) -> Settings:
    return Settings(store=Store(url="sqlite:///store.db"), data_dir=str(folder / "data"))


def test_a_first_start_with_sqlite_makes_what_it_needs_and_keeps_it(tmp_path: Path) -> None:
    first = Secrets.of(sqlite(tmp_path), NOTHING)
    assert list(first.peppers) == ["local"]
    assert first.own_peppers == first.peppers
    assert Secrets.of(sqlite(tmp_path), NOTHING) == first
    made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert made == {"pepper": 0o600, "master.key": 0o600, "admin.token": 0o600}


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    secrets = Secrets.of(sqlite(tmp_path), DECLARED)
    assert repr(secrets) == "Secrets(peppers=['main', 'old'], master_keys=['local'])"


def test_peppers_of_the_file_are_used_in_their_order_and_none_is_made(tmp_path: Path) -> None:
    secrets = Secrets.of(sqlite(tmp_path), DECLARED)
    assert list(secrets.peppers) == ["main", "old"]
    assert secrets.own_peppers == {}
    assert not (tmp_path / "data" / "pepper").exists()


def test_a_pepper_that_was_made_stays_good_when_the_file_gets_others(tmp_path: Path) -> None:
    made = Secrets.of(sqlite(tmp_path), NOTHING).peppers["local"]
    both = Secrets.of(sqlite(tmp_path), DECLARED)
    assert list(both.peppers) == ["main", "old", "local"]
    assert both.peppers["local"] == made


def test_postgresql_without_peppers_and_master_keys_is_refused_by_path(tmp_path: Path) -> None:
    store = Store(url="postgresql://127.0.0.1/db", username="me")
    settings = Settings(store=store, data_dir=str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        Secrets.of(settings, NOTHING)
    assert [fault.path for fault in caught.value.faults] == ["peppers", "store.master_keys"]
    assert list(tmp_path.iterdir()) == []


def test_a_pepper_that_was_made_stands_beside_a_file_that_has_none(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = sqlite(tmp_path)
        secrets = Secrets.of(settings, NOTHING)
        parts = Keeping(settings, secrets, Clock(), Metrics())
        try:
            await parts.start()
            await parts.start()
            assert peppers_of(parts.beside_own(NOTHING)) == secrets.peppers
            assert list(peppers_of(parts.beside_own(DECLARED))) == ["main", "old", "local"]
            assert parts.shelf is None
        finally:
            await parts.close()

    asyncio.run(scenario())
