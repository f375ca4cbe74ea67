"""What commands that ask a gateway have in common."""

from __future__ import annotations

import inspect
import io
import json
import sys
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.cli.remote import URL, Session, confirm, remote

ENVIRONMENT = {"SLUICEGATE_ADMIN_TOKEN": "sga_local_x"}


def greet(
    session: Session,
    name: Annotated[str, typer.Argument(help="Whom.")],
    *,
    loud: Annotated[bool, typer.Option("--loud", help="Shout.")] = False,
) -> None:
    """Greet somebody."""
    if name == "nobody":
        raise CommandFailed(Exit.CONFLICT, "there is nobody", ["look again"])
    said = f"{name} at {session.client.url}"
    session.output.result({"said": said, "loud": loud}, [said])


def invoke(*arguments: str, environ: dict[str, str] | None = None) -> Result:
    app = typer.Typer()
    app.command()(remote(greet))
    return CliRunner().invoke(app, arguments, env=environ or ENVIRONMENT)


def test_a_command_has_its_own_options_and_those_of_all() -> None:
    names = list(inspect.signature(remote(greet)).parameters)
    assert names == ["name", "loud", "url", "token_file", "ca", "plain", "as_json"]
    assert "Greet somebody." in invoke("--help").output


def test_without_options_it_asks_this_machine() -> None:
    result = invoke("ana", "--loud")
    assert (result.exit_code, result.stdout) == (0, f"ana at {URL}\n")


def test_the_url_comes_from_the_option_before_the_environment() -> None:
    environ = {**ENVIRONMENT, "SLUICEGATE_ADMIN_URL": "http://127.0.0.1:1"}
    assert invoke("ana", environ=environ).stdout == "ana at http://127.0.0.1:1\n"
    given = invoke("ana", "--url", "http://127.0.0.1:2/", "--json", environ=environ)
    assert json.loads(given.stdout) == {"said": "ana at http://127.0.0.1:2", "loud": False}


def test_a_failure_is_told_on_standard_error_with_its_status() -> None:
    result = invoke("nobody")
    assert (result.exit_code, result.stdout) == (Exit.CONFLICT, "")
    assert result.stderr == "sluicegate: there is nobody\n  look again\n"


def test_programs_get_a_failure_as_json() -> None:
    result = invoke("nobody", "--json")
    assert (result.exit_code, result.stdout) == (Exit.CONFLICT, "")
    assert json.loads(result.stderr) == {
        "error": "there is nobody", "details": ["look again"], "exit": 6,
    }  # fmt: skip


def test_without_a_token_nothing_is_asked() -> None:
    environ = {"SLUICEGATE_ADMIN_TOKEN_FILE": "/gone", "SLUICEGATE_ADMIN_TOKEN": ""}
    assert invoke("ana", environ=environ).exit_code == Exit.NOT_ALLOWED


def test_misuse_is_exit_status_2() -> None:
    assert invoke().exit_code == Exit.USAGE


def test_where_nobody_can_be_asked_only_yes_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    confirm("Go on?", yes=True)
    with pytest.raises(CommandFailed, match="--yes") as caught:
        confirm("Go on?", yes=False)
    assert caught.value.status is Exit.USAGE


@pytest.mark.parametrize(("said", "goes_on"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_at_a_terminal_somebody_is_asked(
    said: str,
    goes_on: bool,  # noqa: FBT001 - a parameter
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = io.StringIO(said)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr("builtins.input", lambda _: said.strip())
    if goes_on:
        confirm("Go on?", yes=False)
        return
    with pytest.raises(CommandFailed, match="nothing was done") as caught:
        confirm("Go on?", yes=False)
    assert caught.value.status is Exit.REFUSED
