"""`/apply` and `/export`: many resources at once, as a document declares them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from litestar import Controller, get, post
from litestar.params import JSONBody
from msgspec import Struct

from sluicegate.admin import apply_edits
from sluicegate.admin import parameters as of
from sluicegate.admin.changes import make
from sluicegate.admin.document import applied
from sluicegate.admin.identity import Caller, Controlled, require
from sluicegate.admin.in_use import every
from sluicegate.admin.representation import APPLIED, SECTIONS, SOLE, ShownChanges, spec_of
from sluicegate.admin.strict import AppliedRequest

if TYPE_CHECKING:
    from sluicegate.admin.control import Control


class Document(Struct, frozen=True, forbid_unknown_fields=True):
    """Resources by section and name; `policies` is a list.

    With `prune` what is stored in these sections and is not here is deleted.
    """

    resources: dict[str, Any]
    prune: bool = False


class Exported(Struct, frozen=True):
    """Resources by section and name, as `/apply` takes them."""

    resources: dict[str, Any]


class Apply(Controller):
    """What is declared elsewhere, made so here."""

    path = "/apply"
    tags = ("bulk",)
    request_class = AppliedRequest

    @post(summary="Make everything as declared", status_code=200)
    async def apply(
        self,
        who: Caller,
        control: Controlled,
        data: JSONBody[Document],
        *,
        dry_run: of.DryRun = False,
    ) -> ShownChanges:
        """Change what differs, all of it or nothing; what is as declared is not written."""
        for kind in APPLIED:
            require(who, "write", kind)
        # In a thread: to check 10 000 resources takes seconds.
        wish = await asyncio.to_thread(applied, control, data.resources, prune=data.prune)
        plan = partial(apply_edits.plan, control, wish)
        made = await make(control, who.author("apply"), plan, dry_run=dry_run)
        return await asyncio.to_thread(made.shown)


class Export(Controller):
    """What is stored, to be kept elsewhere."""

    path = "/export"
    tags = ("bulk",)

    @get(summary="Everything stored, as `apply` takes it")
    async def export(self, who: Caller, control: Controlled) -> Exported:
        """Return what is stored, but no keys, tokens and secrets, and nothing the file hides."""
        for kind in APPLIED:
            require(who, "read", kind)
        return Exported({SECTIONS[kind]: held for kind, held in (await _stored(control)).items()})


async def _stored(control: Control) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in APPLIED:
        declared = control.declared(kind)
        if kind == "policies":
            head = await control.store.head(kind, SOLE)
            if head is not None and head.content is not None and SOLE not in declared:
                found[kind] = spec_of(kind, head.content)
            continue
        named = {
            revision.name: spec_of(kind, revision.content)
            async for revision in every(control.store, kind)
            if revision.name not in declared
        }
        if named:
            found[kind] = named
    return found
