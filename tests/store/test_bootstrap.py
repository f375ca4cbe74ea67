from __future__ import annotations

import base64
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog

from sluicegate.errors import ConfigError
from sluicegate.settings import Admin, Region, Settings, Store
from sluicegate.store.bootstrap import (
    first_token,
    local_peppers,
    master_keys,
    secret_faults,
    token_file,
)

KEY = base64.b64encode(b"m" * 32).decode()


def sqlite(folder: Path, **rest: object) -> Settings:
    return Settings(data_dir=str(folder / "data"), **rest)  # type: ignore[arg-type]


def postgres(folder: Path, **rest: object) -> Settings:
    store = Store(url="postgresql://db/sluicegate", **rest)  # type: ignore[arg-type]
    return Settings(data_dir=str(folder / "data"), store=store)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_pepper_is_made_once_and_is_private(tmp_path: Path) -> None:
    made = local_peppers(sqlite(tmp_path))
    assert list(made) == ["local"]
    assert len(made["local"]) == 64
    assert local_peppers(sqlite(tmp_path)) == made
    assert mode(tmp_path / "data" / "pepper") == 0o600
    assert mode(tmp_path / "data") == 0o700


def test_a_master_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    made = master_keys(sqlite(tmp_path))
    assert list(made) == ["local"]
    assert len(made["local"]) == 32
    assert master_keys(sqlite(tmp_path)) == made
    assert mode(tmp_path / "data" / "master.key") == 0o600


def test_configured_master_keys_hold_and_none_is_made(tmp_path: Path) -> None:
    settings = sqlite(tmp_path, store=Store(master_keys={"main": KEY}))
    assert master_keys(settings) == {"main": b"m" * 32}
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_made_where_the_store_is_not_sqlite(tmp_path: Path) -> None:
    for settings in (postgres(tmp_path), sqlite(tmp_path, store=Store(url="none"))):
        assert local_peppers(settings) == {}
        assert master_keys(settings) == {}
        assert first_token(settings) is None
        assert token_file(settings) is None
    assert list(tmp_path.iterdir()) == []


def test_postgresql_says_what_it_needs_by_path(tmp_path: Path) -> None:
    faults = secret_faults(postgres(tmp_path), {})
    assert [fault.path for fault in faults] == ["peppers", "store.master_keys"]
    assert "openssl rand -hex 32" in faults[0].message
    assert "openssl rand -base64 32" in faults[1].message
    assert secret_faults(postgres(tmp_path, master_keys={"main": KEY}), {"main": "p" * 32}) == []
    assert secret_faults(sqlite(tmp_path), {}) == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pepper", "short\n", "is no pepper; expected at least 32 bytes"),
        ("master.key", "short\n", "is no master key; expected 32 bytes in base64"),
        ("master.key", "ä" * 40, "is no master key"),
        ("master.key", "", "is no master key"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_unseen(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_text(text)
    with pytest.raises(ConfigError, match=expected) as refused:
        (local_peppers if name == "pepper" else master_keys)(sqlite(tmp_path))
    assert refused.value.faults[0].path == "data_dir"
    assert "short" not in str(refused.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the folder's place")
    with pytest.raises(ConfigError, match=r"data/pepper cannot be"):
        local_peppers(sqlite(tmp_path))


def test_the_first_token_is_made_once_and_is_private(tmp_path: Path) -> None:
    settings = sqlite(tmp_path, region=Region(name="eu"))
    token = first_token(settings)
    assert token is not None
    assert token == (tmp_path / "data" / "admin.token", True)
    text = token.path.read_text()
    assert re.fullmatch(r"sga_eu_[0-9A-Za-z]{57}\n", text)
    assert mode(token.path) == 0o600
    assert first_token(settings) == (token.path, False)
    assert token.path.read_text() == text


def test_many_starts_at_once_make_one_token(tmp_path: Path) -> None:
    settings = sqlite(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: first_token(settings), range(16)))
    assert [token.made for token in made if token is not None].count(True) == 1


def test_a_named_token_file_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "given.token"
    path.write_text("a token of somebody's own making, long enough\n")
    path.chmod(0o600)
    settings = sqlite(tmp_path, admin=Admin(token_file=str(path)))
    assert first_token(settings) == (path, False)
    assert path.read_text().startswith("a token of somebody's own")


def test_a_token_file_is_made_for_postgresql_where_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "token"
    store = Store(url="postgresql://db/sluicegate")
    token = first_token(Settings(store=store, admin=Admin(token_file=str(path))))
    assert token == (path, True)


def test_a_token_file_in_no_folder_is_a_fault_of_its_own_path(tmp_path: Path) -> None:
    settings = sqlite(tmp_path, admin=Admin(token_file=str(tmp_path / "no" / "token")))
    with pytest.raises(ConfigError) as refused:
        first_token(settings)
    assert refused.value.faults[0].path == "admin.token_file"


def test_a_file_that_others_may_read_is_warned_of(tmp_path: Path) -> None:
    local_peppers(sqlite(tmp_path))
    (tmp_path / "data" / "pepper").chmod(0o644)
    with structlog.testing.capture_logs() as logs:
        local_peppers(sqlite(tmp_path))
    assert [(line["event"], line["mode"]) for line in logs] == [("file_open_to_others", "0644")]
