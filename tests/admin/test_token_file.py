from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sluicegate.admin.token_file import EVERY_S, TokenFile
from support.admin_frame import capture_logs
from support.mock_clock import MockClock

TOKEN = "t" * 40


def written(path: Path, token: str = TOKEN, mode: int = 0o600) -> Path:
    path.write_text(token + "\n")
    path.chmod(mode)
    return path


def matches(file: TokenFile, token: str = TOKEN) -> bool:
    return asyncio.run(file.matches(token))


def test_the_token_of_the_file_is_good_and_no_other(tmp_path: Path) -> None:
    file = TokenFile(written(tmp_path / "t"), MockClock())
    assert matches(file)
    assert not matches(file, TOKEN + "t")
    assert not matches(file, "")


def test_a_token_that_was_replaced_or_taken_away_is_good_no_longer(tmp_path: Path) -> None:
    clock = MockClock()
    file = TokenFile(written(tmp_path / "t"), clock)
    assert matches(file)
    written(tmp_path / "t", "u" * 40)
    clock.advance(EVERY_S)
    assert not matches(file)
    assert matches(file, "u" * 40)
    (tmp_path / "t").unlink()
    clock.advance(EVERY_S)
    assert not matches(file, "u" * 40)


def test_the_token_itself_is_not_kept_in_memory(tmp_path: Path) -> None:
    file = TokenFile(written(tmp_path / "t"), MockClock())
    assert matches(file)
    assert TOKEN not in repr(vars(file))


def test_a_short_token_is_none(tmp_path: Path) -> None:
    file = TokenFile(written(tmp_path / "t", "short"), MockClock())
    assert not matches(file, "short")


def test_without_a_file_there_is_no_token(tmp_path: Path) -> None:
    assert not matches(TokenFile(None, MockClock()), "")
    assert not matches(TokenFile(tmp_path / "none", MockClock()))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_warned_of_once(tmp_path: Path, mode: int) -> None:
    clock = MockClock()
    file = TokenFile(written(tmp_path / "t", mode=mode), clock)
    with capture_logs() as logs:
        assert matches(file)
        clock.advance(EVERY_S)
        assert matches(file)
    assert [entry["event"] for entry in logs] == ["the admin token file is open to others"]
    assert TOKEN not in str(logs)
