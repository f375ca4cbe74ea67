"""`sluicegate run`: starts the gateway and stays until it has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sluicegate.errors import ConfigError
from sluicegate.logs import configure_logging
from sluicegate.process import runtime
from sluicegate.process.serve import serve
from sluicegate.process.signals import at_terminal
from sluicegate.process.sockets import CannotListen


def run(
    file: Annotated[
        Path, typer.Argument(envvar="SLUICEGATE_CONFIG", help="The configuration.")
    ] = Path("application.yml"),
) -> None:
    """Run the gateway on FILE until SIGTERM or Ctrl-C; SIGHUP reloads FILE.

    Exits with 0 after a drain, with 1 when FILE has faults or an address cannot be bound.
    """
    configure_logging()
    try:
        status = runtime.run(serve(file, terminal=at_terminal()))
    except ConfigError as error:
        for fault in error.faults:
            typer.echo(f"{file}:{fault.line}: {fault.path or '(file)'}: {fault.message}", err=True)
        status = 1
    except CannotListen as error:
        typer.echo(f"sluicegate: {error}", err=True)
        status = 1
    raise typer.Exit(status)
