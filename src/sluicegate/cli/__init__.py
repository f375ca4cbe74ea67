"""The command line: one file per sub-command, or per group of them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Final

import typer

from sluicegate import __version__

HERE: Final = ("run", "check", "migrate", "doctor", "quickstart", "schema")
"""Commands that ask no gateway, each in the module of its name."""
REMOTE: Final = (
    "apply", "diff", "export", "history", "rollback", "audit", "usage", "budgets", "reconcile",
)  # fmt: skip
"""Commands that ask a running gateway."""
KINDS: Final = ("service", "plan", "team", "provider", "model", "route")
"""Kinds whose commands are all the same."""
GROUPS: Final = ("consumer", "key", "token", "secret", "archive")
HIDDEN: Final = ("reference",)
COMMANDS: Final = (*HERE, *REMOTE, *KINDS, *GROUPS, *HIDDEN)


def application(named: str = "") -> typer.Typer:
    """Build the command line application: of all commands only the one that is `named`, if any.

    To import what all others need would take longer than most of them.
    """
    from sluicegate.cli.exits import epilog  # noqa: PLC0415 - importing one command imports no other

    app = typer.Typer(
        name="sluicegate",
        pretty_exceptions_enable=False,
        help="An API gateway whose limits, failures and costs are stated and tested.",
        epilog=epilog(),
    )
    for name in [named] if named in COMMANDS else COMMANDS:
        _add(app, name)
    app.callback(invoke_without_command=True)(_options)
    return app


def main() -> None:
    """Run the command that the arguments name; the program `sluicegate`."""
    application(sys.argv[1] if len(sys.argv) > 1 else "")()


def _add(app: typer.Typer, name: str) -> None:
    module = import_module(f"sluicegate.cli.{'resource' if name in KINDS else name}")
    if name in KINDS:
        app.add_typer(module.group(name), name=name)
    elif name in GROUPS:
        app.add_typer(module.group(), name=name)
    elif name in REMOTE:
        remote = import_module("sluicegate.cli.remote").remote
        app.command(name)(remote(getattr(module, name)))
    else:
        app.command(name, hidden=name in HIDDEN)(getattr(module, name))


def _options(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Print the version, or the help where no command is named."""
    if version:
        typer.echo(__version__)
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
