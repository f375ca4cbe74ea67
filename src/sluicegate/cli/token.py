"""`sluicegate token`: who may use the admin API."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import typer

from sluicegate.cli.key import KeyFile, Yes
from sluicegate.cli.kinds import path_of
from sluicegate.cli.moments import moment
from sluicegate.cli.once import show_once
from sluicegate.cli.remote import Session, confirm, remote
from sluicegate.cli.resource import After, Limit, Prefix, collect, print_page
from sluicegate.clock import Clock

COLUMNS: Final = ("name", "role", "team", "expires", "description", "changed_at", "changed_by")


def group() -> typer.Typer:
    """Return the sub-commands."""
    app = typer.Typer(help="Make, list and revoke admin tokens.", no_args_is_help=True)
    app.command("create")(remote(create))
    app.command("list")(remote(list_))
    app.command("revoke")(remote(revoke))
    return app


def create(
    session: Session,
    *,
    role: Annotated[Literal["viewer", "operator", "admin"], typer.Option(help="What it may do.")],
    description: Annotated[str, typer.Option(help="For people: whose it is.")] = "",
    team: Annotated[
        str | None, typer.Option(help="Only for the consumers and keys of this team.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="2027-01-31T00:00:00Z, or how long from now: 90d.")
    ] = None,
    key_file: KeyFile = None,
) -> None:
    """Make an admin token. It is shown once."""
    asked = {
        "role": role,
        "team": team,
        "expires": moment(expires, Clock()),
        "description": description,
    }
    body = {field: value for field, value in asked.items() if value}
    path = path_of("token")
    show_once(session, lambda: session.client.ask("POST", path, body=body).body, key_file, "token")


def list_(
    session: Session, *, prefix: Prefix = None, limit: Limit = 1000, after: After = None
) -> None:
    """List the stored admin tokens, never the tokens themselves."""
    page = collect(session, path_of("token"), limit, prefix=prefix, after=after)
    rows = [
        [item.get(column, item.get("spec", {}).get(column)) for column in COLUMNS]
        for item in page["items"]
    ]
    print_page(session, page, COLUMNS, rows)


def revoke(
    session: Session,
    name: Annotated[str, typer.Argument(help="Its name: `sga_`, region, `_`, 8 characters.")],
    *,
    yes: Yes = False,
) -> None:
    """Revoke an admin token. That is final."""
    confirm(f"Revoke {name} for good?", yes=yes)
    session.client.ask("DELETE", path_of("token", name))
    session.output.result({"revoked": name})
    session.output.remark(f"{name} is revoked")
