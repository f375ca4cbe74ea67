"""Files and their modes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.cli.examination.files import file_findings
from sluicegate.settings import Admin, Certificate, ListenerTls, Management, Settings, StateTls
from sluicegate.settings import State as StateSettings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    for name in ("pepper", "sluicegate.db"):
        (made / name).touch(0o600)
    return made


def test_files_of_their_owner_alone_are_summed_up(folder: Path) -> None:
    (found,) = file_findings(Settings(data_dir=str(folder)))
    assert (found.outcome, found.seen) == ("ok", "3 looked at; only their owner has access")


def test_a_folder_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    (found,) = file_findings(Settings(data_dir=str(tmp_path / "new")))
    assert found.outcome == "ok"


@pytest.mark.parametrize(("mode", "outcome"), [(0o604, "fault"), (0o640, "warning")])
def test_what_others_can_read_is_named(folder: Path, mode: int, outcome: str) -> None:
    (folder / "pepper").chmod(mode)
    (found,) = file_findings(Settings(data_dir=str(folder)))
    assert found.outcome == outcome
    assert f"{folder / 'pepper'}: " in found.seen
    assert f"{mode:04o}" in found.seen


def test_a_folder_that_others_can_look_into_is_named(folder: Path) -> None:
    folder.chmod(0o755)
    (found,) = file_findings(Settings(data_dir=str(folder)))
    assert (found.outcome, "look into it" in found.seen) == ("fault", True)


def test_private_keys_and_the_token_of_the_settings_are_looked_at(
    folder: Path, tmp_path: Path
) -> None:
    names = ("token", "listener.key", "state.key")
    for name in names:
        (tmp_path / name).touch(0o644)
        (tmp_path / name).chmod(0o644)
    certificate = Certificate(certificate="x.pem", key=str(tmp_path / "listener.key"))
    settings = Settings(
        data_dir=str(folder),
        admin=Admin(token_file=str(tmp_path / "token")),
        management=Management(tls=ListenerTls(certificates=[certificate])),
        state=StateSettings(tls=StateTls(key=str(tmp_path / "state.key"))),
    )
    found = [finding.seen for finding in file_findings(settings)]
    assert len(found) == len(names)
    assert all(any(str(tmp_path / name) in seen for seen in found) for name in names)
    (tmp_path / "token").unlink()
    assert f"{tmp_path / 'token'} is not there" in [f.seen for f in file_findings(settings)]
