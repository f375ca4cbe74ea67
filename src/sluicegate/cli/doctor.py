"""`sluicegate doctor`: looks at everything that a gateway needs, and says what is wrong with it."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sluicegate import __version__
from sluicegate.cli.check import accept
from sluicegate.cli.examination.files import file_findings
from sluicegate.cli.examination.finding import Finding
from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.cli.migrate import missing_secrets
from sluicegate.cli.remote import connect
from sluicegate.cli.table import Output, table
from sluicegate.clock import Clock
from sluicegate.errors import ConfigError
from sluicegate.snapshot.load import load

if TYPE_CHECKING:
    from sluicegate.errors import Fault
    from sluicegate.settings import Settings

COLUMNS = ("what", "outcome", "seen")


def doctor(
    file: Annotated[
        Path, typer.Argument(envvar="SLUICEGATE_CONFIG", help="The configuration.")
    ] = Path("application.yml"),
    *,
    url: Annotated[
        str | None,
        typer.Option(envvar="SLUICEGATE_ADMIN_URL", help="A running gateway, to ask that too."),
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="File with the admin token.")] = None,
    ca: Annotated[
        Path | None,
        typer.Option(envvar="SLUICEGATE_ADMIN_CA", help="PEM file of authorities for the URL."),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Send the token over plain HTTP to another machine.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check FILE, files, state, store and, with --url, a gateway. Exits with 1 for a fault.

    It changes nothing.
    """
    output = Output(as_json=as_json)
    with output.working("looking at everything"):
        findings = [*_here(file)]
        if url is not None:
            findings += _gateway(url=url, token_file=token_file, ca=ca, plain=plain)
    said = [finding._asdict() for finding in findings]
    output.result({"findings": said}, table(COLUMNS, findings))
    outcomes = [finding.outcome for finding in findings]
    if not as_json:
        faults, warnings = outcomes.count("fault"), outcomes.count("warning")
        output.remark(f"faults: {faults}, warnings: {warnings}")
    if "fault" in outcomes:
        raise typer.Exit(Exit.REFUSED)


def _here(file: Path) -> Iterator[Finding]:
    versions = f"{__version__}, Python {platform.python_version()}"
    yield Finding("sluicegate", "ok", versions)
    try:
        accept(file)
    except ConfigError as error:
        yield from (_fault(file, fault) for fault in error.faults)
        return
    loaded = load(file, os.environ)
    missing = missing_secrets(loaded)
    if missing:
        yield from (_fault(file, fault) for fault in missing)
    else:
        yield Finding("file", "ok", f"{file} has no faults")
    from sluicegate.cli.examination.money import money_findings  # noqa: PLC0415 - as below

    yield from money_findings(loaded.resources)
    settings = loaded.settings
    yield from file_findings(settings)
    yield from asyncio.run(_servers(settings))


def _fault(file: Path, fault: Fault) -> Finding:
    where = f"{file}:{fault.line}: {fault.path or '(file)'}"
    return Finding("file", "fault", f"{where}: {fault.message}")


async def _servers(settings: Settings) -> list[Finding]:
    # Imported here: no other command needs all of these drivers.
    from sluicegate.cli.examination.state import state_findings  # noqa: PLC0415 - see above
    from sluicegate.cli.examination.store import store_findings  # noqa: PLC0415 - see above

    clock = Clock()
    return [
        *await state_findings(settings.state, clock),
        *await store_findings(settings, clock),
    ]


def _gateway(**given: Any) -> list[Finding]:  # noqa: ANN401 - options of `connect`
    from sluicegate.cli.examination.gateway import gateway_findings  # noqa: PLC0415 - as above

    try:
        session = connect(**given)
    except CommandFailed as error:
        return [Finding("gateway", "fault", str(error))]
    try:
        return gateway_findings(session.client)
    finally:
        session.client.close()
