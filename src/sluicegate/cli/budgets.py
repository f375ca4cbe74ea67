"""`sluicegate budgets`: what was spent of budgets, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from sluicegate.cli.remote import Session
from sluicegate.cli.table import table

COLUMNS: Final = ("name", "scope", "of", "period", "spent_usd", "held_usd", "limit_usd", "percent")


def budgets(
    session: Session,
    *,
    consumer: Annotated[str | None, typer.Option(help="Only those of this consumer.")] = None,
    team: Annotated[str | None, typer.Option(help="Only those of this team.")] = None,
    name: Annotated[str | None, typer.Option(help="Only policies of this name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 10_000,
) -> None:
    """Show what was spent of budgets in their present periods, and what is reserved."""
    query = {"consumer": consumer, "team": team, "name": name}
    pages = list(session.client.pages("/budgets", limit, **query))
    items = [item for page in pages for item in page["items"]]
    rows = [
        [whose(item["of"]) if column == "of" else item[column] for column in COLUMNS]
        for item in items
    ]
    session.output.result({"items": items, "next": pages[-1]["next"]}, table(COLUMNS, rows))
    if pages[-1]["next"]:
        session.output.remark("there are more; `--limit` shows more")


def whose(of: Mapping[str, Any]) -> str:
    """Write whom a budget counts: `consumer=acme model=gpt-5`."""
    return " ".join(f"{kind}={name or '-'}" for kind, name in of.items())
