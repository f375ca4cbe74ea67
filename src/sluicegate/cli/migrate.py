"""`sluicegate migrate`: brings the schema to this version, and makes the first admin token."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.cli.remote import fail
from sluicegate.cli.table import Output
from sluicegate.errors import ConfigError
from sluicegate.snapshot.document import decode
from sluicegate.snapshot.load import load
from sluicegate.store.contract import SchemaMismatch

if TYPE_CHECKING:
    from sluicegate.errors import Fault
    from sluicegate.settings import Settings
    from sluicegate.snapshot.load import Loaded
    from sluicegate.store.bootstrap import FirstToken

Phase = Literal["pre", "post"]


class Migrated(NamedTuple):
    """What was done: steps with what they do, and where the first token is."""

    applied: list[tuple[str, str]]
    token: FirstToken | None


def migrate(
    file: Annotated[
        Path, typer.Argument(envvar="SLUICEGATE_CONFIG", help="The configuration.")
    ] = Path("application.yml"),
    *,
    phase: Annotated[
        Phase,
        typer.Option(
            help="`pre`: what this version needs and the one before bears, to be run before a "
            "rolling upgrade. `post`: all of it, to be run after."
        ),
    ] = "post",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring the schema of FILE's store to this version, and make the first admin token.

    Several at once wait for each other. What is there already is left as it is.
    """
    output = Output(as_json=as_json)
    try:
        done = _migrated(file, phase, output)
    except CommandFailed as error:
        fail(output, error)
        return
    value = {
        "applied": [{"step": step, "what": what} for step, what in done.applied],
        "token_file": None if done.token is None else str(done.token.path),
        "token_made": done.token is not None and done.token.made,
    }
    lines = [f"applied {step}: {what}" for step, what in done.applied]
    output.result(value, lines or ["the schema is up to date"])
    if done.token is not None and not as_json:
        _tell(done.token)


def faulty(file: Path, error: ConfigError) -> CommandFailed:
    """Return how a command ends where its configuration has faults."""
    lines = [f"{file}:{f.line}: {f.path or '(file)'}: {f.message}" for f in error.faults]
    return CommandFailed(Exit.REFUSED, f"{file} cannot be used", lines)


def cannot_be_asked(error: Exception) -> CommandFailed:
    """Return how a command ends where the store cannot be asked; no address, no secret is said."""
    cause = getattr(error, "orig", None) or error
    said = str(cause).splitlines()
    why = f"{type(cause).__name__}: {said[0]}" if said else type(cause).__name__
    return CommandFailed(Exit.UNREACHABLE, f"the store cannot be asked: {why}")


def _migrated(file: Path, phase: Phase, output: Output) -> Migrated:
    # Imported here: no other command needs the database's drivers.
    from asyncpg import InterfaceError, PostgresError  # type: ignore[import-untyped]  # noqa: PLC0415 - see above
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - see above

    from sluicegate.store.bootstrap import first_token  # noqa: PLC0415 - see above
    from sluicegate.store.migrate import migrate as apply_steps  # noqa: PLC0415 - see above

    try:
        settings = _settings(file)
        with output.working("the schema is brought up to date"):
            applied = asyncio.run(apply_steps(settings, phase))
        return Migrated(applied, first_token(settings))
    except ConfigError as error:
        raise faulty(file, error) from None
    except SchemaMismatch as error:
        raise CommandFailed(Exit.REFUSED, str(error)) from None
    except (SQLAlchemyError, OSError, PostgresError, InterfaceError) as error:
        raise cannot_be_asked(error) from None


def _settings(file: Path) -> Settings:
    """Return the settings of a file that has all that a store needs. Raises ConfigError."""
    loaded = load(file, os.environ)
    if loaded.settings.store.url == "none":
        raise CommandFailed(Exit.REFUSED, "there is no store: `store.url` is `none`")
    missing = missing_secrets(loaded)
    if missing:
        raise ConfigError(missing)
    return loaded.settings


def missing_secrets(loaded: Loaded) -> list[Fault]:
    """Return what a file does not say that its store needs, as `run` would."""
    from sluicegate.store.bootstrap import secret_faults  # noqa: PLC0415 - as above

    items = loaded.resources.items.items()
    peppers = {name: decode("pepper", raw) for (kind, name), raw in items if kind == "pepper"}
    return [loaded.draft.locate(fault) for fault in secret_faults(loaded.settings, peppers)]


def _tell(token: FirstToken) -> None:
    """Say where the first token is; show it where it is new and somebody is there to read it."""
    if not token.made:
        typer.echo(f"admin token: {token.path} (there before)")
        return
    typer.echo(f"admin token: {token.path}")
    if sys.stdout.isatty():
        typer.echo(f"  {token.path.read_text(encoding='utf-8').strip()}")
