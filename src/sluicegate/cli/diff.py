"""`sluicegate diff`: what `apply` would change."""

from __future__ import annotations

import typer

from sluicegate.cli import changes
from sluicegate.cli.apply import Files, Prune
from sluicegate.cli.declaration import declared
from sluicegate.cli.exits import Exit
from sluicegate.cli.remote import Session


def diff(session: Session, *, file: Files, prune: Prune = False) -> None:
    """Show what `apply` would change, and change nothing. Exits with 3 where that is something."""
    plan = changes.send(session, declared(file), prune=prune, dry_run=True)
    session.output.result({"changes": plan}, changes.shown(plan))
    session.output.remark(changes.summary(plan) if plan else "no differences")
    if plan:
        raise typer.Exit(Exit.DIFFERENT)
