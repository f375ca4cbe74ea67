"""`sluicegate history`: who changed something, when, from where and how."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sluicegate.cli.declaration import written
from sluicegate.cli.kinds import Recorded, named, path_of
from sluicegate.cli.remote import Session
from sluicegate.cli.table import table

COLUMNS = ("at", "action", "actor", "via", "revision")


def history(
    session: Session,
    kind: Annotated[Recorded, typer.Argument(help="What it is.")],
    name: Annotated[str, typer.Argument(help="Its name; `policies` has none.")] = "",
    *,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="At most so many, newest first.")
    ] = 50,
    full: Annotated[bool, typer.Option("--full", help="Print what it was each time.")] = False,
) -> None:
    """List the revisions of one resource, newest first."""
    page = session.client.get(f"{path_of(kind, named(kind, name))}/history", limit=limit)
    items = page["items"]
    if full:
        session.output.result(page, [line for item in items for line in _whole(item)])
    else:
        rows = [[item.get(column) for column in COLUMNS] for item in items]
        session.output.result(page, table(COLUMNS, rows))
    if page.get("next"):
        session.output.remark("there are older ones; `--limit` shows more")


def _whole(item: dict[str, Any]) -> list[str]:
    head = f"# {item['at']} {item['action']} by {item['actor']}, revision {item['revision']}"
    spec = item.get("spec")
    return [head, *([] if spec is None else written(spec).splitlines()), ""]
