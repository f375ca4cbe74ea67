"""`sluicegate audit`: who changed what, of everything."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from sluicegate.cli.kinds import Audited
from sluicegate.cli.remote import Session
from sluicegate.cli.table import table

COLUMNS: Final = ("at", "actor", "via", "action", "kind", "name", "revision")


def audit(
    session: Session,
    *,
    kind: Annotated[Audited | None, typer.Option(help="Only this kind.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this one did.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="At most so many, newest first.")
    ] = 50,
) -> None:
    """List changes of all resources, newest first."""
    page = session.client.get("/audit", kind=kind, actor=actor, limit=limit)
    rows = [[item.get(column) for column in COLUMNS] for item in page["items"]]
    session.output.result(page, table(COLUMNS, rows))
    if page.get("next"):
        session.output.remark("there are older ones; `--limit` shows more")
