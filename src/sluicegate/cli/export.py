"""`sluicegate export`: the stored resources, as `apply` takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sluicegate.cli.declaration import written
from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.cli.remote import Session


def export(
    session: Session,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write, in place of what it holds.")
    ] = None,
) -> None:
    """Print the stored resources as YAML that `apply` takes; without keys, tokens and secrets."""
    with session.output.working("the gateway collects its resources"):
        resources = session.client.get("/export")["resources"]
    if session.output.as_json and out is None:
        session.output.result(resources)
        return
    text = written({section: held for section, held in resources.items() if held})
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(Exit.REFUSED, f"{out}: cannot be written: {error.strerror}") from None
    session.output.remark(f"written to {out}")
