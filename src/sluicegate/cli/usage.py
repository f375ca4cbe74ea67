"""`sluicegate usage`: what calls used and cost, by whom and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from sluicegate.admin import spreadsheet
from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.cli.moments import past
from sluicegate.cli.remote import Session
from sluicegate.cli.table import table
from sluicegate.clock import Clock
from sluicegate.store.ledger import DIMENSIONS

COUNTED: Final = ("requests", "failed", "input_tokens", "output_tokens", "cost_usd")
ENTRY: Final = (
    "at", "consumer", "key", "route", "model", "provider", "status", "input_tokens",
    "output_tokens", "cost_usd", "request_id",
)  # fmt: skip
TOLD: Final = {
    "unpriced": "requests to models whose price is not known cost more than is said",
    "estimated": "requests whose tokens nobody counted are estimated from bytes",
    "unsettled": "requests whose process was lost cost what was reserved for them",
}
"""What a sum does not say by itself."""

Filter = Annotated[str | None, typer.Option(help="Only these; empty: those without.")]


def usage(
    session: Session,
    *,
    by: Annotated[
        str,
        typer.Option(
            help="What rows are told apart by, with commas between: consumer, team, key, plan, "
            "route, model, provider, deployment, asked (the model's name as callers wrote it), "
            "region, status, month, day, hour."
        ),
    ] = "consumer",
    since: Annotated[
        str | None,
        typer.Option(help="A day, a moment, or how long ago (`7d`); without it, this month (UTC)."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="The same; without it, now.")] = None,
    consumer: Filter = None,
    team: Filter = None,
    key: Filter = None,
    plan: Filter = None,
    route: Filter = None,
    model: Filter = None,
    provider: Filter = None,
    deployment: Filter = None,
    region: Filter = None,
    entries: Annotated[
        bool, typer.Option("--entries", help="Call by call, newest first, in place of sums.")
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 10_000,
) -> None:
    """Show what calls of models used and cost, in dollars."""
    if csv and session.output.as_json:
        raise CommandFailed(Exit.USAGE, "found `--csv` and `--json`; expected one of them")
    unknown = [] if entries else [each for each in by.split(",") if each not in DIMENSIONS]
    if by and unknown:
        message = f"`--by`: found `{unknown[0]}`; expected some of {', '.join(DIMENSIONS)}"
        raise CommandFailed(Exit.USAGE, message)
    clock = Clock()
    query = {
        "since": past(since, clock), "until": past(until, clock),
        "consumer": consumer, "team": team, "key": key, "plan": plan, "route": route,
        "model": model, "provider": provider, "deployment": deployment, "region": region,
    }  # fmt: skip
    if entries:
        _show_entries(session, limit, csv=csv, query=query)
    else:
        _show_sums(session, limit, csv=csv, query={**query, "by": by})


def _show_sums(session: Session, limit: int, *, csv: bool, query: dict[str, Any]) -> None:
    pages = list(session.client.pages("/usage", limit, **query))
    dimensions: list[str] = pages[0]["by"]
    items = [item for page in pages for item in page["items"]]
    # The first row says what they all have: there is one, unless rows are told apart.
    counted = [name for name in (items[0] if items else {}) if name != "group"]
    if csv:
        rows = [[*item["group"].values(), *(item[name] for name in counted)] for item in items]
        _print_csv([*dimensions, *counted], rows)
    else:
        shown = [[*item["group"].values(), *(item[name] for name in COUNTED)] for item in items]
        if len(items) > 1:
            shown.append(_total(items, len(dimensions)))
        session.output.result({**pages[0], "items": items, "next": pages[-1]["next"]},
                              table([*dimensions, *COUNTED], shown))  # fmt: skip
    _remark(session, items, pages[-1]["next"])


def _show_entries(session: Session, limit: int, *, csv: bool, query: dict[str, Any]) -> None:
    pages = list(session.client.pages("/usage/entries", limit, **query))
    items = [item for page in pages for item in page["items"]]
    if csv:
        columns = list(items[0]) if items else list(ENTRY)
        _print_csv(columns, [list(item.values()) for item in items])
    else:
        rows = [[item[name] for name in ENTRY] for item in items]
        session.output.result({"items": items, "next": pages[-1]["next"]}, table(ENTRY, rows))
    if pages[-1]["next"]:
        session.output.remark("there are older ones; `--limit` shows more")


def _total(items: Sequence[dict[str, Any]], wide: int) -> list[object]:
    sums = {name: sum(item[name] for item in items) for name in COUNTED if name != "cost_usd"}
    cost = spreadsheet.usd(sum(item["cost_nano_usd"] for item in items))
    return [*["total", *[""] * (wide - 1)][:wide], *sums.values(), cost]


def _print_csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    typer.echo(spreadsheet.written(columns, rows), nl=False)


def _remark(session: Session, items: Sequence[dict[str, Any]], more: str | None) -> None:
    for name, meaning in TOLD.items():
        count = sum(item[name] for item in items)
        if count:
            session.output.remark(f"{count} {meaning}")
    if more:
        session.output.remark("there are more rows; `--limit` shows more")
