from __future__ import annotations

from typer.testing import CliRunner

from sluicegate import __version__
from sluicegate.cli import application


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(application(), ["--version"])
    assert (result.exit_code, result.stdout) == (0, __version__ + "\n")


def test_without_a_command_the_help_is_printed_and_it_is_misuse() -> None:
    result = CliRunner().invoke(application(), [])
    assert result.exit_code == 2
    assert all(name in result.output for name in ("run", "check", "schema", "quickstart"))
    assert "reference" not in result.output
