"""`sluicegate budgets`: what was spent of budgets, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from sluicegate.admin import spreadsheet
from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.cli.remote import Session
from sluicegate.cli.table import table

COLUMNS: Final = ("name", "scope", "of", "period", "spent_usd", "held_usd", "limit_usd", "percent")
ALL: Final = (
    "place", "name", "scope", "of", "period", "start", "end", "limit_nano_usd", "limit_usd",
    "spent_nano_usd", "spent_usd", "held_nano_usd", "held_usd", "percent",
)  # fmt: skip


def budgets(
    session: Session,
    *,
    consumer: Annotated[str | None, typer.Option(help="Only those of this consumer.")] = None,
    team: Annotated[str | None, typer.Option(help="Only those of this team.")] = None,
    name: Annotated[str | None, typer.Option(help="Only policies of this name.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 10_000,
) -> None:
    """Show what was spent of budgets in their present periods, and what is reserved."""
    if csv and session.output.as_json:
        raise CommandFailed(Exit.USAGE, "found `--csv` and `--json`; expected one of them")
    query = {"consumer": consumer, "team": team, "name": name}
    pages = list(session.client.pages("/budgets", limit, **query))
    items = [item for page in pages for item in page["items"]]
    if csv:
        cells = [
            [whose(item["of"]) if column == "of" else item[column] for column in ALL]
            for item in items
        ]
        typer.echo(spreadsheet.written(ALL, cells), nl=False)
        _remark(session, pages[-1]["next"])
        return
    rows = [
        [whose(item["of"]) if column == "of" else item[column] for column in COLUMNS]
        for item in items
    ]
    session.output.result({"items": items, "next": pages[-1]["next"]}, table(COLUMNS, rows))
    _remark(session, pages[-1]["next"])


def _remark(session: Session, more: str | None) -> None:
    if more:
        session.output.remark("there are more; `--limit` shows more")


def whose(of: Mapping[str, Any]) -> str:
    """Write whom a budget counts: `consumer=acme model=gpt-5`."""
    return " ".join(f"{kind}={name or '-'}" for kind, name in of.items())
