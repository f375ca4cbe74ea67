"""`sluicegate consumer`: who calls."""

from __future__ import annotations

from typing import Annotated

import typer

from sluicegate.cli import resource
from sluicegate.cli.remote import Session


def group() -> typer.Typer:
    """Return the sub-commands."""
    return resource.group("consumer", list_)


def list_(
    session: Session,
    *,
    team: Annotated[str | None, typer.Option(help="Only those of this team.")] = None,
    plan: Annotated[str | None, typer.Option(help="Only those with this plan.")] = None,
    prefix: resource.Prefix = None,
    limit: resource.Limit = 1000,
    after: resource.After = None,
) -> None:
    """List the consumers, stored and declared in the gateway's file."""
    resource.print_list(
        session, "consumer", limit, team=team, plan=plan, prefix=prefix, after=after
    )
