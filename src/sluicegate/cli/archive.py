"""`sluicegate archive`: prompts and answers that the policy `archive` has kept."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from sluicegate.cli.moments import past
from sluicegate.cli.remote import Session, remote
from sluicegate.cli.resource import Limit, collect, print_page
from sluicegate.cli.table import plain
from sluicegate.clock import Clock

COLUMNS: Final = (
    "id", "at", "consumer", "route", "model", "status", "request_bytes", "answer_bytes",
    "redacted", "until",
)  # fmt: skip
SAID: Final = ("request", "answer")


def group() -> typer.Typer:
    """Return the sub-commands."""
    app = typer.Typer(help="List and show archived calls of models.", no_args_is_help=True)
    app.command("list")(remote(list_))
    app.command("show")(remote(show))
    return app


def list_(
    session: Session,
    *,
    consumer: Annotated[str | None, typer.Option(help="Only this one's.")] = None,
    route: Annotated[str | None, typer.Option(help="Only of this route.")] = None,
    since: Annotated[
        str | None, typer.Option(help="A day, a moment, or how long ago (`7d`).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The same; without it, now.")] = None,
    limit: Limit = 50,
) -> None:
    """List archived calls, newest first, without what was said."""
    clock = Clock()
    asked = {"since": past(since, clock), "until": past(until, clock)}
    items = collect(session, "/archive", limit, consumer=consumer, route=route, **asked)
    rows = [[item.get(column) for column in COLUMNS] for item in items["items"]]
    print_page(session, items, COLUMNS, rows)


def show(session: Session, name: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Show what was asked and answered, redacted. That it was shown is logged."""
    found = session.client.get(f"/archive/{quote(name, safe='')}")
    head = {key: value for key, value in found.items() if key not in SAID and value is not None}
    lines = [f"{key}: {plain(str(value))}" for key, value in head.items()]
    for part in SAID:
        lines += ["", f"{part}:", *_indented(found[part])]
    session.output.result(found, lines)


def _indented(value: Any) -> list[str]:  # noqa: ANN401 - any JSON
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return [plain(line) for line in text.splitlines()]
