"""What is shown once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast

import pytest

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.cli.once import show_once
from sluicegate.cli.remote import Session
from sluicegate.cli.table import Output

MADE = {"name": "sg_local_a", "key": "sg_local_a-secret", "spec": {}}


def session(*, as_json: bool = False) -> Session:
    return Session(cast("Any", None), Output(as_json=as_json))


def never() -> dict[str, Any]:
    raise AssertionError("nothing is to be made")


def test_a_new_key_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show_once(session(), lambda: MADE, None)
    said = capsys.readouterr()
    assert said.out == "name:  sg_local_a\nkey:   sg_local_a-secret\n"
    assert said.err == "this key is not shown again\n"


def test_in_a_file_it_is_its_owners_alone_and_nowhere_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key"
    show_once(session(as_json=True), lambda: MADE, file)
    said = capsys.readouterr()
    assert file.read_text() == "sg_local_a-secret\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "secret" not in said.out + said.err
    assert json.loads(said.out)["key"] is None


def test_a_file_that_is_there_stays_and_nothing_is_made(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("another")
    with pytest.raises(CommandFailed, match="nothing was made"):
        show_once(session(), never, file)
    assert file.read_text() == "another"


def test_without_a_place_for_it_no_key_is_made(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="No such file or directory; nothing was made"):
        show_once(session(), never, tmp_path / "gone" / "key")


def test_the_file_is_there_before_the_key_and_gone_where_none_was_made(tmp_path: Path) -> None:
    file = tmp_path / "key"

    def refused() -> dict[str, Any]:
        assert file.stat().st_mode & 0o777 == 0o600
        raise CommandFailed(Exit.NOT_ALLOWED, "not allowed")

    with pytest.raises(CommandFailed, match="not allowed"):
        show_once(session(), refused, file)
    assert not file.exists()


def test_a_key_that_cannot_be_kept_is_named_so_that_it_can_be_revoked(tmp_path: Path) -> None:
    def meanwhile() -> dict[str, Any]:
        shutil.rmtree(tmp_path / "folder")
        return MADE

    (tmp_path / "folder").mkdir()
    with pytest.raises(CommandFailed) as caught:
        show_once(session(), meanwhile, tmp_path / "folder" / "key")
    assert caught.value.lines == ("revoke sg_local_a and make another",)
    assert "secret" not in str(caught.value)
