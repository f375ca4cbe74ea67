"""Answers of the API: a resource with its tag, or what a change did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from litestar import Response

from sluicegate.admin.preconditions import etag
from sluicegate.admin.representation import SECTIONS, Representation, stored

if TYPE_CHECKING:
    from sluicegate.admin.changes import Made

ROOT: Final = "/admin/v1"


def read(found: Representation) -> Response[Representation]:
    """Show a resource."""
    headers = {} if found.revision is None else {"etag": etag(found.revision)}
    return Response(found, headers=headers)


def changed(made: Made, kind: str, name: str, *, dry_run: bool) -> Response[Any]:
    """Show what became of a resource: 201 made, 200 changed, 204 gone; what a dry run would do."""
    if dry_run:
        return Response(made.shown(), status_code=200)
    revision = made.revisions[kind, name]
    if revision.content is None:
        return Response(None, status_code=204)
    headers = {"etag": etag(revision.id)}
    new = any((p.kind, p.name, p.newest) == (kind, name, None) for p in made.planned)
    if new:
        headers["location"] = location(kind, name)
    return Response(stored(revision), status_code=201 if new else 200, headers=headers)


def location(kind: str, name: str) -> str:
    """Return the path of a resource; a `/` in its name is `%2F`."""
    return f"{ROOT}/{SECTIONS[kind]}" + (f"/{quote(name, safe='')}" if name else "")
