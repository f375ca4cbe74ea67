"""Commands that ask a running gateway: the options that all of them take, and how they fail.

Such a command is written as `command(session, …)`. `remote` makes the command line's one of it: it
adds the options of `connect` and turns what goes wrong into words and an exit status.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

import msgspec
import typer

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.cli.table import Output

if TYPE_CHECKING:
    from sluicegate.cli.client import Client

URL: Final = "http://127.0.0.1:9090"


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with: the API, and where it says things."""

    client: Client
    output: Output


def remote(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with the options of `connect` in place of its first parameter."""
    own = _parameters(command)[1:]
    added = _parameters(connect)

    @wraps(command)
    def called(**given: Any) -> None:  # noqa: ANN401 - what typer has read
        shared = {each.name: given.pop(each.name) for each in added}
        output = Output(as_json=shared["as_json"])
        try:
            session = connect(**shared)
            try:
                command(session, **given)
            finally:
                session.client.close()
        except CommandFailed as error:
            fail(output, error)

    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *added)]
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    vars(called)["__signature__"] = inspect.Signature(parameters)
    del vars(called)["__wrapped__"]  # typer would read that one's signature
    return called


def connect(
    *,
    url: Annotated[
        str, typer.Option(envvar="SLUICEGATE_ADMIN_URL", help="The gateway's management port.")
    ] = URL,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the admin token; before SLUICEGATE_ADMIN_TOKEN, "
            "SLUICEGATE_ADMIN_TOKEN_FILE and `.sluicegate/admin.token`.",
        ),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(
            envvar="SLUICEGATE_ADMIN_CA", help="PEM file of authorities, in place of the system's."
        ),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Send the token over plain HTTP to another machine.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> Session:
    """Return a session. Raises CommandFailed."""
    from sluicegate.cli import client  # noqa: PLC0415 - `sluicegate run` needs no HTTP client

    token = client.find_token(token_file, os.environ)
    return Session(client.open_client(url, token, ca=ca, over_plain=plain), Output(as_json=as_json))


def fail(output: Output, error: CommandFailed) -> None:
    """Say on standard error why a command failed, and end with its status."""
    if output.as_json:
        said = {"error": str(error), "details": error.lines, "exit": error.status.value}
        output.remark(msgspec.json.encode(said).decode())
    else:
        output.remark("\n  ".join([f"sluicegate: {error}", *error.lines]))
    raise typer.Exit(error.status)


def confirm(question: str, *, yes: bool) -> None:
    """Ask whether to go on. Raises CommandFailed where nobody can be asked, or the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandFailed(Exit.USAGE, "nobody can be asked here; `--yes` goes on without")
    if not typer.confirm(question, err=True):
        raise CommandFailed(Exit.REFUSED, "nothing was done")


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    return [each.replace(annotation=hints.get(each.name, Any)) for each in parameters]
