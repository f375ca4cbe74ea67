"""`sluicegate check`: finds every fault of a configuration without running it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sluicegate.assemble import DataPlane
from sluicegate.clock import Clock
from sluicegate.errors import ConfigError, Fault
from sluicegate.metrics import Metrics
from sluicegate.snapshot.load import Loaded, load
from sluicegate.snapshot.policies import PolicyCatalog

KINDS = ("route", "service", "plan", "consumer")
WHERE_ANY = ("provider", "model")


def check(
    file: Annotated[Path, typer.Argument(help="The configuration, `application.yml`.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the faults as JSON.")] = False,
) -> None:
    """Print every fault of FILE as `FILE:LINE: path: message`; exit 1 when there is one."""
    try:
        loaded = accept(file)
    except ConfigError as error:
        _print_faults(file, error.faults, as_json=as_json)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(msgspec.json.encode({"revision": loaded.resources.revision, "faults": []}))
        return
    kinds = [str(kind) for kind, _ in loaded.resources.items]
    shown = (*KINDS, *(kind for kind in WHERE_ANY if kind in kinds))
    counts = ", ".join(_count(kinds.count(kind), kind) for kind in shown)
    typer.echo(f"{file}: no faults. {counts}; revision {loaded.resources.revision}")


def accept(file: Path) -> Loaded:
    """Load and compile as a worker does; raises ConfigError with every fault and its line."""
    catalog = PolicyCatalog()
    loaded = load(file, os.environ, catalog)
    try:
        asyncio.run(_compile(loaded, catalog))
    except ConfigError as error:
        raise ConfigError([loaded.draft.locate(fault) for fault in error.faults]) from error
    return loaded


async def _compile(loaded: Loaded, catalog: PolicyCatalog) -> None:
    plane = DataPlane(loaded.settings, Clock(), catalog, Metrics(), lambda _line: None)
    try:
        await plane.apply(loaded.resources)
    finally:
        await plane.close()


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _print_faults(file: Path, faults: list[Fault], *, as_json: bool) -> None:
    if as_json:
        found = [{"path": f.path, "line": f.line, "message": f.message} for f in faults]
        typer.echo(msgspec.json.encode({"faults": found}))
        return
    for fault in faults:
        typer.echo(f"{file}:{fault.line}: {fault.path or '(file)'}: {fault.message}")
