"""`/policies`: the one list of policies of every route."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar import Controller, Request, Response, delete, get, post, put
from litestar.params import JSONBody

from sluicegate.admin import parameters as of
from sluicegate.admin.answers import changed, read
from sluicegate.admin.changes import make
from sluicegate.admin.edits import Edits
from sluicegate.admin.identity import Caller, Controlled, require
from sluicegate.admin.kept import OlderRevision
from sluicegate.admin.preconditions import precondition
from sluicegate.admin.reading import Reading
from sluicegate.admin.representation import SOLE, Diff, History, Representation

KIND = "policies"


class Policies(Controller):
    """There is one of it, so it has no name. Where there is none, the gateway's own list holds."""

    path = "/policies"
    tags = ("policies",)

    @get(summary="Show")
    async def show(self, who: Caller, control: Controlled) -> Response[Representation]:
        """Return the list that was made; 404 where none was, neither here nor in the file."""
        require(who, "read", KIND)
        return read(await Reading(control, who).one(KIND, SOLE))

    # The body is read strictly as a spec, which gives faults their paths in a document.
    @put(summary="Create or replace", responses={201: of.MADE}, request_class=Request)
    async def replace(
        self, request: Request[Any, Any, Any], who: Caller, control: Controlled,
        data: JSONBody[list[dict[str, Any]]], if_match: of.IfMatch = None,
        if_none_match: of.IfNoneMatch = None, *, dry_run: of.DryRun = False,
    ) -> Response[Representation]:  # fmt: skip
        """Make the body the list."""
        del data
        require(who, "write", KIND)
        wanted = precondition(if_match, if_none_match)
        plan = partial(Edits(control, who).put, KIND, SOLE, await request.body(), wanted)
        made = await make(control, who.author("replace"), plan, dry_run=dry_run)
        return changed(made, KIND, SOLE, dry_run=dry_run)

    @delete(summary="Delete", responses={200: of.CHANGES})
    async def remove(
        self, who: Caller, control: Controlled, if_match: of.IfMatch = None,
        *, dry_run: of.DryRun = False,
    ) -> Response[None]:  # fmt: skip
        """Delete the stored list."""
        require(who, "write", KIND)
        plan = partial(Edits(control, who).delete, KIND, SOLE, precondition(if_match))
        made = await make(control, who.author("delete"), plan, dry_run=dry_run)
        return changed(made, KIND, SOLE, dry_run=dry_run)

    @get("/history", summary="Revisions, newest first")
    async def history(
        self, who: Caller, control: Controlled, limit: of.Limit = 100, before: of.Before = ""
    ) -> History:
        """Return who made it what, and when."""
        require(who, "read", KIND)
        return await Reading(control, who).history(KIND, SOLE, limit, before)

    @get("/diff", summary="What differs between two revisions")
    async def diff(
        self, who: Caller, control: Controlled, older: of.Older, newer: of.Newer = None
    ) -> Diff:
        """Compare two revisions, or one with what is there."""
        require(who, "read", KIND)
        return await Reading(control, who).diff(KIND, SOLE, older, newer)

    @post("/rollback", summary="Bring a revision back", status_code=200)
    async def rollback(
        self, who: Caller, control: Controlled, data: JSONBody[OlderRevision],
        if_match: of.IfMatch = None, *, dry_run: of.DryRun = False,
    ) -> Response[Representation]:  # fmt: skip
        """Make what was there at a revision a new one."""
        require(who, "write", KIND)
        edits, wanted = Edits(control, who), precondition(if_match)
        plan = partial(edits.rollback, KIND, SOLE, data.revision, wanted)
        made = await make(control, who.author("rollback"), plan, dry_run=dry_run)
        return changed(made, KIND, SOLE, dry_run=dry_run)
