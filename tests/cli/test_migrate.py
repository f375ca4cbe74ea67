"""`sluicegate migrate`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sluicegate.cli import application
from sluicegate.cli.exits import Exit
from support.ports import free_port
from support.postgres import Postgres


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "application.yml").write_text("routes: {}\n")
    return tmp_path / "application.yml"


def migrate(*arguments: object) -> Result:
    return CliRunner().invoke(application("migrate"), ["migrate", *map(str, arguments)])


def postgresql(file: Path, url: str, *lines: str) -> None:
    store = [f"store: {{url: '{url}', username: postgres, master_keys: {{m: {'A' * 43}=}}}}"]
    token = [f"admin: {{token_file: '{file.parent / 'token'}'}}"]
    file.write_text("\n".join([*store, *token, f"peppers: {{p: {'p' * 32}}}", *lines]))


def test_schema_and_first_token_are_made_once(file: Path) -> None:
    first, again = migrate(file), migrate(file)
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert first.stdout.startswith("applied 0001_pre: ")
    assert again.stdout.splitlines()[0] == "the schema is up to date"
    assert "(there before)" in again.stdout
    token = file.parent / ".sluicegate" / "admin.token"
    assert token.stat().st_mode & 0o777 == 0o600


def test_the_token_is_never_printed_where_it_could_end_up_in_a_log(file: Path) -> None:
    printed = migrate(file).output + migrate(file, "--json").output
    token = (file.parent / ".sluicegate" / "admin.token").read_text().strip()
    assert token.startswith("sga_local_")
    assert token not in printed


def test_at_a_terminal_a_new_token_is_shown(file: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sluicegate", "migrate", str(file)]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, check=False, timeout=50)
    os.close(theirs)
    printed = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0, done.stderr
    assert (file.parent / ".sluicegate" / "admin.token").read_text().strip() in printed


def test_programs_get_what_was_done(file: Path) -> None:
    told = json.loads(migrate(file, "--json").stdout)
    assert told["applied"][0]["step"] == "0001_pre"
    assert (told["token_file"], told["token_made"]) == (
        str(Path(".sluicegate/admin.token")), True,
    )  # fmt: skip


def test_postgresql_is_migrated_in_two_phases(file: Path, postgres: Postgres) -> None:
    url = postgres.database(empty=True)
    postgresql(file, url)
    before = migrate(file, "--phase", "pre")
    assert before.exit_code == 0, before.output
    assert before.stdout.startswith("applied 0001_pre: ")
    assert migrate(file, "--phase", "post").exit_code == 0
    postgres.drop(url.rpartition("/")[2])


def test_what_postgresql_needs_is_asked_for_by_path_and_line(file: Path) -> None:
    file.write_text(f"store: {{url: 'postgresql://127.0.0.1:{free_port()}/x', username: u}}\n")
    result = migrate(file)
    assert result.exit_code == Exit.REFUSED
    assert f"{file}:1: store.master_keys: found none" in result.stderr
    assert f"{file}:1: peppers: found none" in result.stderr


def test_a_server_that_is_not_there_is_told_without_secrets(file: Path) -> None:
    postgresql(file, f"postgresql://127.0.0.1:{free_port()}/x")
    result = migrate(file)
    assert result.exit_code == Exit.UNREACHABLE
    assert "the store cannot be asked" in result.stderr
    assert "AAAA" not in result.stderr


def test_faults_of_the_file_are_told_as_check_tells_them(file: Path) -> None:
    file.write_text("gateway: {listen: nowhere}\n")
    result = migrate(file)
    assert result.exit_code == Exit.REFUSED
    assert f"{file}:1: gateway.listen: found" in result.stderr


def test_without_a_store_there_is_nothing_to_migrate(file: Path) -> None:
    file.write_text("store: {url: none}\n")
    result = migrate(file)
    assert (result.exit_code, "there is no store" in result.stderr) == (Exit.REFUSED, True)
