from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sluicegate.store.private_file import create, open_to, private_folder, replace


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_made_file_is_private_and_whole(tmp_path: Path) -> None:
    private_folder(tmp_path / "a" / "data")
    path = tmp_path / "a" / "data" / "pepper"
    assert create(path, b"secret")
    assert path.read_bytes() == b"secret"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    assert create(path, b"first")
    assert not create(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_of_many_at_once_one_makes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: create(path, b"%d" % n), range(32)))
    assert made.count(True) == 1
    assert path.read_bytes() == b"%d" % made.index(True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_replaced_file_is_the_newest_and_private(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    path.write_bytes(b"open to all")
    path.chmod(0o644)
    replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [create, replace])
def test_a_write_that_fails_leaves_nothing_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert callable(write)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(0o600, "nobody"), (0o400, "nobody"), (0o640, "group"), (0o644, "others"), (0o604, "others")],
)
def test_a_file_of_ours_is_open_to_whom_its_mode_says(
    tmp_path: Path, mode: int, expected: str
) -> None:
    path = tmp_path / "secret"
    path.touch()
    path.chmod(mode)
    assert open_to(path.stat()) == expected


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o440, "nobody"), (0o460, "group"), (0o444, "others")]
)
def test_a_file_that_we_read_as_one_of_its_group_is_for_us(
    tmp_path: Path, mode: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    path.touch()
    path.chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert open_to(path.stat()) == expected
    monkeypatch.setattr(os, "getegid", lambda: path.stat().st_gid + 1)
    monkeypatch.setattr(os, "getgroups", list)
    assert open_to(path.stat()) == ("others" if mode & 0o007 else "group")
