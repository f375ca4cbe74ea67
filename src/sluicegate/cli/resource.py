"""`sluicegate service`, `plan`, `route` and the like: list, show, set and delete what is stored.

All kinds that can be declared have these four; a kind with more has a file of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sluicegate.cli.assignments import merge_patch
from sluicegate.cli.declaration import declared_spec, written
from sluicegate.cli.exits import NOT_FOUND, CommandFailed, Exit, Refusal
from sluicegate.cli.kinds import path_of
from sluicegate.cli.remote import Session, confirm, remote
from sluicegate.cli.table import cell, table
from sluicegate.snapshot.stored import PLURALS

MERGE_PATCH: Final = "application/merge-patch+json"
COLUMNS: Final = {
    "service": ("targets", "balance"),
    "plan": ("policies",),
    "team": ("plan", "description"),
    "consumer": ("plan", "team", "description"),
    "provider": ("kind", "url", "region"),
    "model": ("deployments", "balance", "fallbacks"),
    "route": ("match", "service", "policies"),
}
"""Fields of the `spec` that a list shows, beside the name, the source and the last change."""

Name = Annotated[str, typer.Argument(help="Its name.")]
Prefix = Annotated[str | None, typer.Option(help="Only names that begin so.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]
After = Annotated[str | None, typer.Option(help="From there on, as the list before said.")]


def group(kind: str, list_command: Callable[..., None] | None = None) -> typer.Typer:
    """Return the sub-commands of a kind; `list_command` in place of the plain list."""
    app = typer.Typer(help=f"List, show, set and delete {PLURALS[kind]}.", no_args_is_help=True)
    app.command("list")(remote(list_command or _list(kind)))
    app.command("show")(remote(_show(kind)))
    app.command("set")(remote(_set(kind)))
    app.command("delete")(remote(_delete(kind)))
    return app


def print_list(session: Session, kind: str, limit: int, **query: object) -> None:
    """Print a list of resources, with where they are declared and who changed them last."""
    fields = COLUMNS[kind]
    items = collect(session, path_of(kind), limit, **query)
    rows = [
        [item["name"], *(_brief(item["spec"].get(field)) for field in fields),
         item["source"], item.get("changed_at"), item.get("changed_by")]
        for item in items["items"]
    ]  # fmt: skip
    columns = ("name", *fields, "source", "changed_at", "changed_by")
    print_page(session, items, columns, rows)


def print_page(
    session: Session, page: dict[str, Any], columns: tuple[str, ...], rows: list[list[Any]]
) -> None:
    """Print a page of a list, and how to see the next."""
    session.output.result(page, table(columns, rows))
    if page["next"]:
        session.output.remark(f"there are more: `--after {page['next']}`, or a larger `--limit`")


def collect(session: Session, path: str, limit: int, **query: object) -> dict[str, Any]:
    """Return up to `limit` items of a list, in the API's own form."""
    items: list[dict[str, Any]] = []
    after = query.pop("after", None)
    with session.output.working(f"reading {path[1:]}"):
        for page in session.client.pages(path, limit, after=after, **query):
            items += page["items"]
            after = page.get("next")
    return {"items": items, "next": after or None}


def _list(kind: str) -> Callable[..., None]:
    def list_(
        session: Session, *, prefix: Prefix = None, limit: Limit = 1000, after: After = None
    ) -> None:
        print_list(session, kind, limit, prefix=prefix, after=after)

    list_.__doc__ = f"List the {PLURALS[kind]}, stored and declared in the gateway's file."
    return list_


def _show(kind: str) -> Callable[..., None]:
    def show(session: Session, name: Name) -> None:
        found = session.client.get(path_of(kind, name))
        head = [
            f"# {each.replace('_', ' ')}: {cell(found[each])}"
            for each in ("source", "revision", "changed_at", "changed_by")
            if found.get(each)
        ]
        text = written({PLURALS[kind]: {name: found["spec"]}})
        session.output.result(found, [*head, *text.splitlines()])

    show.__doc__ = f"Print one of the {PLURALS[kind]} as YAML that `apply` takes."
    return show


def _set(kind: str) -> Callable[..., None]:
    def set_(
        session: Session,
        name: Name,
        fields: Annotated[
            list[str] | None,
            typer.Argument(
                help="FIELD=VALUE, such as `description=new` or `timeouts.connect=2s`; the value "
                "is YAML, and without one the field is taken out.",
            ),
        ] = None,
        *,
        file: Annotated[
            Path | None,
            typer.Option("--file", "-f", help="YAML of the whole, in place of fields; `-`: stdin."),
        ] = None,
    ) -> None:
        if (file is None) == (not fields):
            raise CommandFailed(Exit.USAGE, "expected either FIELD=VALUE or --file")
        path = path_of(kind, name)
        if file is not None:
            found = session.client.ask("PUT", path, body=declared_spec(file)).body
        else:
            found = _patched(session, path, merge_patch(fields or []))
        session.output.result(found)
        session.output.remark(f"{kind} {name} is set, revision {found['revision']}")

    set_.__doc__ = f"Change fields of one of the {PLURALS[kind]}, or put another in its place."
    return set_


def _patched(session: Session, path: str, patch: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """Merge fields into what is there, if it is still what we have seen; else make it."""
    try:
        seen = session.client.ask("GET", path)
    except Refusal as error:
        if error.http_status != NOT_FOUND:
            raise
        only_if = {"if-none-match": "*"}
        return session.client.ask("PUT", path, body=_without_nulls(patch), headers=only_if).body
    tag = seen.headers.get("etag")
    if tag is None:
        message = "the gateway's file declares it; change it there"
        raise CommandFailed(Exit.CONFLICT, message)
    only_if = {"if-match": tag, "content-type": MERGE_PATCH}
    return session.client.ask("PATCH", path, body=patch, headers=only_if).body


def _delete(kind: str) -> Callable[..., None]:
    def delete(
        session: Session,
        name: Name,
        *,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    ) -> None:
        path = path_of(kind, name)
        plan = session.client.ask("DELETE", path, query={"dry_run": "true"}).body["changes"]
        keys = [each["name"] for each in plan if each["kind"] == "key"]
        if keys:
            session.output.remark(f"its keys are revoked for good: {cell(keys)}")
            confirm(f"Delete {kind} {name}?", yes=yes)
        session.client.ask("DELETE", path)
        session.output.result({"deleted": name, "revoked": keys})
        undo = f"`sluicegate history {kind} {name}` and `rollback` bring it back"
        session.output.remark(f"{kind} {name} is deleted; {undo}")

    delete.__doc__ = f"Delete one of the {PLURALS[kind]}; asks where keys go with it, for good."
    return delete


def _brief(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Shorten what lists show: targets by their URL, policies by their name, a match in a line.

    Deployments are shown as `provider/model`.
    """
    if isinstance(value, list):
        return [_brief(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "url" in value:
        return value["url"]
    if "provider" in value:
        return "/".join(str(value[part]) for part in ("provider", "model") if part in value)
    if len(value) == 1 and isinstance(next(iter(value.values())), dict):
        return next(iter(value))
    return " ".join(f"{key}={cell(held)}" for key, held in value.items())


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nulls(held) if isinstance(held, dict) else held
        for key, held in value.items()
        if held is not None
    }
