"""`sluicegate apply`: make the gateway's stored resources what files say, after showing how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sluicegate.cli import changes
from sluicegate.cli.declaration import declared
from sluicegate.cli.remote import Session, confirm

Files = Annotated[
    list[Path],
    typer.Option(
        "--file",
        "-f",
        help="YAML or JSON with sections as in application.yml; a folder is all that is in it, "
        "`-` standard input. May be repeated.",
    ),
]
Prune = Annotated[
    bool,
    typer.Option(
        "--prune", help="Delete stored resources that are not declared, of declared sections."
    ),
]


def apply(
    session: Session,
    *,
    file: Files,
    prune: Prune = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
) -> None:
    """Store what files declare: all of it, or nothing where one of them has a fault.

    Shows what would change and asks. What is not declared stays as it is, unless --prune.
    """
    declaration = declared(file)
    output = session.output
    plan = changes.send(session, declaration, prune=prune, dry_run=True)
    if dry_run or not plan:
        output.result({"changes": plan, "applied": False}, changes.shown(plan))
        output.remark(changes.summary(plan) if plan else "nothing to change")
        return
    if not output.as_json:
        output.result(None, changes.shown(plan))
    if not yes:
        output.remark(changes.summary(plan))
    confirm("Apply this?", yes=yes)
    made = changes.send(session, declaration, prune=prune, dry_run=False)
    if output.as_json:
        output.result({"changes": made, "applied": True})
    output.remark(f"applied: {changes.summary(made, done=True)}")
    if made != plan:
        output.remark("this is not what was shown: somebody changed something meanwhile; it was:")
        for line in changes.shown(made):
            output.remark(line)
