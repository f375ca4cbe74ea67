"""What can be done to every stored resource that has a name."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.params import JSONBody
from msgspec import Struct

from sluicegate.admin import parameters as of
from sluicegate.admin.answers import changed
from sluicegate.admin.changes import make
from sluicegate.admin.edits import Edits
from sluicegate.admin.identity import Caller, Controlled, require
from sluicegate.admin.preconditions import precondition
from sluicegate.admin.reading import Reading
from sluicegate.admin.representation import Diff, History, Representation


class OlderRevision(Struct, frozen=True, forbid_unknown_fields=True):
    """The revision that is to be brought back."""

    revision: str


class Stored(Controller):
    """Handlers of a kind; a subclass says which, and what its deletion is called."""

    kind: ClassVar[str]
    gone: ClassVar[str] = "delete"

    @patch("/{name:str}", summary="Change a part")
    async def change(
        self, request: Request[Any, Any, Any], who: Caller, control: Controlled, name: of.InPath,
        data: of.MergePatch, if_match: of.IfMatch = None, *, dry_run: of.DryRun = False,
    ) -> Response[Representation]:  # fmt: skip
        """Merge the body into its `spec` (RFC 7396); `If-Match` is required."""
        del data
        require(who, "write", self.kind)
        of.refuse_other_patches(request.headers.get("content-type"))
        wanted = precondition(if_match)
        plan = partial(Edits(control, who).patch, self.kind, name, await request.body(), wanted)
        made = await make(control, who.author("patch"), plan, dry_run=dry_run)
        return changed(made, self.kind, name, dry_run=dry_run)

    @delete("/{name:str}", summary="Delete", responses={200: of.CHANGES})
    async def remove(
        self, who: Caller, control: Controlled, name: of.InPath, if_match: of.IfMatch = None,
        *, dry_run: of.DryRun = False,
    ) -> Response[None]:  # fmt: skip
        """Delete the stored one; 409 while another names it. A consumer's keys are revoked."""
        require(who, "write", self.kind)
        plan = partial(Edits(control, who).delete, self.kind, name, precondition(if_match))
        made = await make(control, who.author(self.gone), plan, dry_run=dry_run)
        return changed(made, self.kind, name, dry_run=dry_run)

    @get("/{name:str}/history", summary="Revisions, newest first")
    async def history(
        self, who: Caller, control: Controlled, name: of.InPath, limit: of.Limit = 100,
        before: of.Before = "",
    ) -> History:  # fmt: skip
        """Return who made it what, and when."""
        require(who, "read", self.kind)
        return await Reading(control, who).history(self.kind, name, limit, before)

    @get("/{name:str}/diff", summary="What differs between two revisions")
    async def diff(
        self, who: Caller, control: Controlled, name: of.InPath, older: of.Older,
        newer: of.Newer = None,
    ) -> Diff:  # fmt: skip
        """Compare two revisions, or one with what is there."""
        require(who, "read", self.kind)
        return await Reading(control, who).diff(self.kind, name, older, newer)

    @post("/{name:str}/rollback", summary="Bring a revision back", status_code=200)
    async def rollback(
        self, who: Caller, control: Controlled, name: of.InPath, data: JSONBody[OlderRevision],
        if_match: of.IfMatch = None, *, dry_run: of.DryRun = False,
    ) -> Response[Representation]:  # fmt: skip
        """Make what was there at a revision a new one, also where it was deleted since."""
        require(who, "write", self.kind)
        edits, wanted = Edits(control, who), precondition(if_match)
        plan = partial(edits.rollback, self.kind, name, data.revision, wanted)
        made = await make(control, who.author("rollback"), plan, dry_run=dry_run)
        return changed(made, self.kind, name, dry_run=dry_run)
