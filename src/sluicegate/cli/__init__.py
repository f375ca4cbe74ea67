"""The command line: one file per sub-command."""

from __future__ import annotations

from typing import Annotated

import typer

from sluicegate import __version__


def application() -> typer.Typer:
    """Build the command line application."""
    # Imported here, so that importing one sub-command's module does not import them all.
    from sluicegate.cli.check import check  # noqa: PLC0415 - see above
    from sluicegate.cli.key import key  # noqa: PLC0415 - see above
    from sluicegate.cli.quickstart import quickstart  # noqa: PLC0415 - see above
    from sluicegate.cli.reference import reference  # noqa: PLC0415 - see above
    from sluicegate.cli.run import run  # noqa: PLC0415 - see above
    from sluicegate.cli.schema import schema  # noqa: PLC0415 - see above

    app = typer.Typer(
        name="sluicegate",
        add_completion=False,
        pretty_exceptions_enable=False,
        help="An API gateway whose limits, failures and costs are stated and tested.",
    )
    for command in (run, check, key, quickstart, schema):
        app.command()(command)
    app.command(hidden=True)(reference)
    app.callback(invoke_without_command=True)(_options)
    return app


def main() -> None:
    """Run the command that the arguments name; the program `sluicegate`."""
    application()()


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
