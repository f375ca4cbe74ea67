"""`sluicegate key`: keys of consumers. A key is shown once, when it is made, and kept nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sluicegate.cli.key_offline import offline
from sluicegate.cli.kinds import path_of
from sluicegate.cli.moments import moment
from sluicegate.cli.once import show_once
from sluicegate.cli.remote import Session, confirm, remote
from sluicegate.cli.resource import After, Limit, Prefix, collect, print_page
from sluicegate.cli.table import cell
from sluicegate.clock import Clock

COLUMNS: Final = ("name", "consumer", "expires", "last_used", "plan", "description")

Key = Annotated[str, typer.Argument(help="Name of the key: `sg_`, region, `_` and 8 characters.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="New file of mode 0600 to write the key to, in place of printing it."),
]


def group() -> typer.Typer:
    """Return the sub-commands."""
    app = typer.Typer(help="Make, list, rotate and revoke keys.", no_args_is_help=True)
    for name, command in (
        ("create", create),
        ("list", list_),
        ("show", show),
        ("rotate", rotate),
        ("revoke", revoke),
    ):
        app.command(name)(remote(command))
    app.command("offline")(offline)
    return app


def create(
    session: Session,
    *,
    consumer: Annotated[str, typer.Option(help="Whose key it is.")],
    description: Annotated[str, typer.Option(help="For people.")] = "",
    expires: Annotated[
        str | None, typer.Option(help="2027-01-31T00:00:00Z, or how long from now: 90d.")
    ] = None,
    plan: Annotated[str | None, typer.Option(help="In place of the consumer's.")] = None,
    route: Annotated[
        list[str] | None, typer.Option(help="The only routes it is good for; may be repeated.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="The only methods it is good for.")
    ] = None,
    ip_range: Annotated[
        list[str] | None, typer.Option(help="The only networks it may be used from.")
    ] = None,
    scope: Annotated[list[str] | None, typer.Option(help="What it is granted.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="The only models it may ask for.")] = None,
    key_file: KeyFile = None,
) -> None:
    """Make a key of a consumer. It is shown once."""
    asked = {
        "consumer": consumer,
        "description": description,
        "expires": moment(expires, Clock()),
        "plan": plan,
        "routes": route,
        "methods": method,
        "ip_ranges": ip_range,
        "scopes": scope,
        "models": model,
    }
    body = {field: value for field, value in asked.items() if value}
    show_once(session, lambda: session.client.ask("POST", path_of("key"), body=body).body, key_file)


def list_(
    session: Session,
    *,
    consumer: Annotated[str | None, typer.Option(help="Only those of this consumer.")] = None,
    prefix: Prefix = None,
    limit: Limit = 1000,
    after: After = None,
) -> None:
    """List stored keys: whose they are and when they were used, never the keys themselves."""
    query = {"consumer": consumer, "prefix": prefix, "after": after}
    page = collect(session, path_of("key"), limit, **query)
    rows = [[_field(item, column) for column in COLUMNS] for item in page["items"]]
    print_page(session, page, COLUMNS, rows)


def show(session: Session, name: Key) -> None:
    """Show what a key is good for, never the key itself."""
    found = session.client.get(path_of("key", name))
    told = {**found["spec"], "last_used": _field(found, "last_used")}
    told |= {each: found.get(each) for each in ("revision", "changed_at", "changed_by")}
    session.output.result(found, [f"{field}: {cell(value)}" for field, value in told.items()])


def rotate(
    session: Session,
    name: Key,
    *,
    overlap: Annotated[str, typer.Option(help="How long the old one stays good.")] = "24h",
    key_file: KeyFile = None,
) -> None:
    """Make another key with the same rights; the old one expires when the overlap is over."""
    path = f"{path_of('key', name)}/rotate"
    body = {"overlap": overlap}
    show_once(session, lambda: session.client.ask("POST", path, body=body).body, key_file)
    session.output.remark(f"{name} is good for another {overlap}, or until it expires")


def revoke(session: Session, name: Key, *, yes: Yes = False) -> None:
    """Revoke a key. That is final."""
    confirm(f"Revoke {name} for good?", yes=yes)
    session.client.ask("DELETE", path_of("key", name))
    session.output.result({"revoked": name})
    session.output.remark(f"{name} is revoked")


def _field(item: dict[str, Any], field: str) -> Any:  # noqa: ANN401 - any JSON
    return item[field] if field in item else item["spec"].get(field)
