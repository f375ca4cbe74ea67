from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sluicegate.snapshot.last_good import LastGood


def test_nothing_is_kept_at_first(tmp_path: Path) -> None:
    assert not LastGood(tmp_path / "data").kept()
    assert not (tmp_path / "data").exists()


def test_what_was_kept_is_private_and_whole(tmp_path: Path) -> None:
    good = LastGood(tmp_path / "a" / "data")
    good.keep(b"routes: {}\n")
    assert good.kept()
    assert good.path.read_bytes() == b"routes: {}\n"
    assert stat.S_IMODE(good.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(good.path.parent.stat().st_mode) == 0o700


def test_the_newest_is_kept_and_nothing_beside_it(tmp_path: Path) -> None:
    good = LastGood(tmp_path)
    good.keep(b"old")
    good.keep(b"new")
    assert good.path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["last-good.yml"]


def test_a_write_that_fails_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = LastGood(tmp_path)
    good.keep(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        good.keep(b"new")
    assert good.path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["last-good.yml"]
