"""`sluicegate rollback`: make a resource what it was."""

from __future__ import annotations

from typing import Annotated

import typer

from sluicegate.cli import changes
from sluicegate.cli.exits import NOT_FOUND, Refusal
from sluicegate.cli.kinds import Versioned, named, path_of
from sluicegate.cli.remote import Session, confirm


def rollback(
    session: Session,
    kind: Annotated[Versioned, typer.Argument(help="What it is.")],
    name: Annotated[str, typer.Argument(help="Its name; `policies` has none: write `-`.")],
    revision: Annotated[str, typer.Argument(help="The revision, as `history` shows it.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
) -> None:
    """Make a resource what it was at a revision: a new revision with the old content."""
    name = named(kind, name)
    path, body = f"{path_of(kind, name)}/rollback", {"revision": revision}
    seen = _seen(session, path_of(kind, name))
    plan = session.client.ask("POST", path, body=body, query={"dry_run": "true"}).body["changes"]
    output = session.output
    if dry_run or not plan:
        output.result({"changes": plan}, changes.shown(plan))
        if not plan:
            output.remark(f"{kind} {name} is what it was at {revision}")
        return
    if not output.as_json:
        output.result(None, changes.shown(plan))
    confirm("Change it back?", yes=yes)
    made = session.client.ask("POST", path, body=body, headers=seen).body
    if output.as_json:
        output.result(made)
    output.remark(f"{kind} {name} is what it was at {revision}")


def _seen(session: Session, path: str) -> dict[str, str]:
    """Return the condition that nobody changes it while we ask; none where it is not there."""
    try:
        tag = session.client.ask("GET", path).headers.get("etag")
    except Refusal as error:
        if error.http_status != NOT_FOUND:
            raise
        return {}
    return {"if-match": tag} if tag else {}
