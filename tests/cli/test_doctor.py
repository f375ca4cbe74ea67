"""`sluicegate doctor`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sluicegate.cli import application
from sluicegate.cli.exits import Exit
from support.ports import free_port


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "application.yml").write_text("routes: {}\n")
    return tmp_path / "application.yml"


def doctor(*arguments: object) -> Result:
    return CliRunner().invoke(application("doctor"), ["doctor", *map(str, arguments)])


def test_what_is_well_is_said_and_nothing_is_made(file: Path) -> None:
    result = doctor(file)
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "WHAT", "sluicegate", "file", "files", "state", "store",
    ]  # fmt: skip
    assert result.stderr == "faults: 0, warnings: 0\n"
    assert [path.name for path in file.parent.iterdir()] == ["application.yml"]


def test_faults_of_the_file_come_first(file: Path) -> None:
    file.write_text("gateway: {listen: nowhere}\n")
    result = doctor(file, "--json")
    assert result.exit_code == Exit.REFUSED
    findings = json.loads(result.stdout)["findings"]
    assert [finding["outcome"] for finding in findings] == ["ok", "fault"]
    assert findings[1]["seen"].startswith(f"{file}:1: gateway.listen: ")


def test_each_thing_that_cannot_be_reached_is_a_fault_of_its_own(file: Path) -> None:
    state, store = free_port(), free_port()
    file.write_text(
        f"state: {{url: 'redis://127.0.0.1:{state}/0'}}\n"
        f"store: {{url: 'postgresql://127.0.0.1:{store}/x', username: u,\n"
        f"  master_keys: {{m: {'A' * 43}=}}}}\npeppers: {{p: {'p' * 32}}}\n"
    )
    (file.parent / "token").write_text("sga_local_x")
    url = f"http://127.0.0.1:{free_port()}"
    result = doctor(file, "--url", url, "--token-file", file.parent / "token", "--json")
    assert result.exit_code == Exit.REFUSED
    faults = [f for f in json.loads(result.stdout)["findings"] if f["outcome"] == "fault"]
    assert [fault["what"] for fault in faults] == [f"state 127.0.0.1:{state}", "store", "gateway"]


def test_what_run_would_refuse_for_postgresql_is_a_fault_of_the_file(file: Path) -> None:
    url = f"postgresql://127.0.0.1:{free_port()}/x"
    file.write_text(f"store:\n  url: '{url}'\n  username: u\n")
    result = doctor(file, "--json")
    assert result.exit_code == Exit.REFUSED
    found = [f for f in json.loads(result.stdout)["findings"] if f["what"] == "file"]
    assert [(each["outcome"], each["seen"].split(": ")[1]) for each in found] == [
        ("fault", "peppers"), ("fault", "store.master_keys"),
    ]  # fmt: skip


def test_without_a_token_the_gateway_is_not_asked(file: Path) -> None:
    result = doctor(file, "--url", "http://127.0.0.1:1", "--token-file", "gone", "--json")
    last = json.loads(result.stdout)["findings"][-1]
    assert (last["what"], "no admin token" in last["seen"]) == ("gateway", True)
