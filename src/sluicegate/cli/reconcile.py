"""`sluicegate reconcile`: proves that what budgets have counted is what the ledger says."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from sluicegate.cli.budgets import whose
from sluicegate.cli.exits import Exit
from sluicegate.cli.remote import Session, confirm
from sluicegate.cli.table import table

COLUMNS: Final = (
    "name", "scope", "of", "period", "counted_nano_usd", "stored_nano_usd", "waiting_nano_usd",
    "difference_usd", "verdict",
)  # fmt: skip


def reconcile(
    session: Session,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what is counted wrongly.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Show budgets that are right, too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Repair without asking.")] = False,
) -> None:
    """Compare what every budget has counted with the ledger, while calls go on.

    Ends with status 1 where one is different, or never stood still long enough to say.
    """
    with session.output.working("the gateway compares its budgets with the ledger"):
        found = session.client.get("/budgets/reconciliation")
    if repair and found["different"]:
        confirm(f"Put {_counts(found['different'])} right?", yes=yes)
        found = session.client.ask("POST", "/budgets/reconciliation").body
    items = [item for item in found["items"] if every or item["verdict"] != "equal"]
    session.output.result(found, table(COLUMNS, map(_row, items)) if items else ())
    session.output.remark(_summary(found))
    if found["different"] or found["busy"]:
        raise typer.Exit(Exit.REFUSED)


def _row(item: dict[str, Any]) -> list[object]:
    return [whose(item["of"]) if column == "of" else item[column] for column in COLUMNS]


def _summary(found: dict[str, Any]) -> str:
    words = f"{_counts(len(found['items']))}: {found['equal']} equal to the ledger"
    return words + "".join(
        f", {found[verdict]} {verdict.replace('_', ' ')}"
        for verdict in ("different", "repaired", "busy", "not_configured")
        if found[verdict]
    )


def _counts(number: int) -> str:
    return f"{number} count" if number == 1 else f"{number} counts"
