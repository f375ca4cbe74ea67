from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from sluicegate import __version__
from sluicegate.cli import COMMANDS, GROUPS, HERE, KINDS, REMOTE, application
from sluicegate.cli.exits import Exit

SHOWN = (*HERE, *REMOTE, *KINDS, *GROUPS)


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(application(), ["--version"])
    assert (result.exit_code, result.stdout) == (0, __version__ + "\n")


def test_without_a_command_the_help_is_printed_and_it_is_misuse() -> None:
    result = CliRunner().invoke(application(), [])
    assert result.exit_code == Exit.USAGE
    assert all(name in result.output for name in SHOWN)
    assert "reference" not in result.output


def test_the_help_tells_the_exit_statuses() -> None:
    printed = " ".join(CliRunner().invoke(application(), ["--help"]).output.split())
    assert "Exit status: 0 done; 1 refused" in printed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_all_others_or_alone(command: str) -> None:
    together = CliRunner().invoke(application(), [command, "--help"])
    alone = CliRunner().invoke(application(command), [command, "--help"])
    assert (together.exit_code, alone.exit_code) == (0, 0)
    assert alone.output == together.output


def test_a_command_that_is_none_is_misuse_and_names_what_is_like_it() -> None:
    result = CliRunner().invoke(application("aply"), ["aply"])
    assert result.exit_code == Exit.USAGE
    assert "apply" in result.stderr


def test_a_shell_is_told_what_comes_next() -> None:
    asked = {"_SLUICEGATE_COMPLETE": "complete_bash", "COMP_WORDS": "sluicegate key r",
             "COMP_CWORD": "2"}  # fmt: skip
    run = "from sluicegate.cli import application; application()(prog_name='sluicegate')"
    done = subprocess.run(
        [sys.executable, "-c", run], env={**os.environ, **asked}, capture_output=True, text=True,
        check=False, timeout=50,
    )  # fmt: skip
    assert done.stdout.split() == ["rotate", "revoke"], done.stderr


def test_commands_without_a_gateway_need_no_http_client() -> None:
    """A worker's memory is not for what only people at a command line use."""
    look = (
        "import sys; from sluicegate.cli import application; application();"
        "print([name for name in ('httpx', 'sqlalchemy', 'alembic') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=50
    )
    assert done.stdout == "[]\n"
