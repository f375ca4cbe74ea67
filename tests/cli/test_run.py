from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sluicegate.cli import application
from sluicegate.cli import run as run_command
from sluicegate.errors import ConfigError, Fault
from sluicegate.process.sockets import CannotListen


@pytest.fixture(autouse=True)
def _no_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_command, "configure_logging", lambda: None)


def outcome(
    monkeypatch: pytest.MonkeyPatch, result: int | Exception, *arguments: str, **environ: str
) -> tuple[int, str, list[Path]]:
    """Run the command where serving ends with `result`; give status, stderr and files asked for."""
    files: list[Path] = []

    async def serve(path: Path, **_: Any) -> int:
        files.append(path)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(run_command, "serve", serve)
    found = CliRunner().invoke(application("run"), ["run", *arguments], env=environ)
    return found.exit_code, found.stderr, files


def test_its_exit_status_is_the_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(monkeypatch, 0, "a.yml") == (0, "", [Path("a.yml")])
    assert outcome(monkeypatch, 130, "a.yml")[0] == 130


def test_the_file_is_application_yml_or_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert outcome(monkeypatch, 0)[2] == [Path("application.yml")]
    assert outcome(monkeypatch, 0, SLUICEGATE_CONFIG="/etc/sg.yml")[2] == [Path("/etc/sg.yml")]


def test_every_fault_is_printed_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ConfigError([Fault("routes.a", 3, "wrong"), Fault("", 0, "unreadable")])
    status, printed, _ = outcome(monkeypatch, error, "a.yml")
    assert status == 1
    assert printed == "a.yml:3: routes.a: wrong\na.yml:0: (file): unreadable\n"


def test_an_address_that_cannot_be_bound_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    error = CannotListen("cannot listen on 0.0.0.0:80: Permission denied")
    status, printed, _ = outcome(monkeypatch, error, "a.yml")
    assert (status, printed) == (1, f"sluicegate: {error}\n")
