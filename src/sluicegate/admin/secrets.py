"""`/secrets`: texts that stored resources refer to as `${secret:name}`. They are never shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.params import JSONBody
from msgspec import Meta, Struct

from sluicegate.admin import parameters as of
from sluicegate.admin.answers import changed, read
from sluicegate.admin.changes import Planned, make
from sluicegate.admin.edits import Edits
from sluicegate.admin.identity import Caller, Controlled, require
from sluicegate.admin.in_use import every
from sluicegate.admin.preconditions import Precondition, precondition
from sluicegate.admin.reading import Reading, Wanted
from sluicegate.admin.representation import History, Page, Representation
from sluicegate.admin.specs import check_name
from sluicegate.errors import CONFLICT, Refused
from sluicegate.store.vault import NotOpened

if TYPE_CHECKING:
    from sluicegate.admin.control import Control

KIND = "secret"


class SecretText(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be kept."""

    value: Annotated[str, Meta(min_length=1, max_length=65536)]

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "SecretText(…)"


class Rotated(Struct, frozen=True):
    """How many data keys were wrapped under the first master key, and secrets sealed anew."""

    wrapped: int
    sealed: int


class Secrets(Controller):
    """Secrets, for the role `admin`: set and deleted, never returned."""

    path = "/secrets"
    tags = ("secrets",)

    @get(summary="List, in order of names")
    async def listing(
        self, who: Caller, control: Controlled, limit: of.Limit = 100, after: of.After = "",
        prefix: of.Prefix = "",
    ) -> Page:  # fmt: skip
        """Return which there are; `spec` is null."""
        require(who, "read", KIND)
        return await Reading(control, who).page(KIND, Wanted(limit, after, prefix))

    @get("/{name:str}", summary="Show that there is one")
    async def show(
        self, who: Caller, control: Controlled, name: of.InPath
    ) -> Response[Representation]:
        """Return who changed it when; `spec` is null."""
        require(who, "read", KIND)
        return read(await Reading(control, who).one(KIND, name))

    @put("/{name:str}", summary="Set", responses={201: of.MADE})
    async def replace(
        self, who: Caller, control: Controlled, name: of.InPath, data: JSONBody[SecretText],
        if_match: of.IfMatch = None, if_none_match: of.IfNoneMatch = None,
        *, dry_run: of.DryRun = False,
    ) -> Response[Representation]:  # fmt: skip
        """Keep a text under a name; whatever refers to it uses it from now on."""
        require(who, "write", KIND)
        check_name(KIND, name)
        wanted = precondition(if_match, if_none_match)
        edits, content = Edits(control, who), await _sealed(control, name, data.value)
        plan = partial(_put, edits, name, content, wanted)
        made = await make(control, who.author("replace"), plan, dry_run=dry_run)
        return changed(made, KIND, name, dry_run=dry_run)

    @delete("/{name:str}", summary="Delete", responses={200: of.CHANGES})
    async def remove(
        self, who: Caller, control: Controlled, name: of.InPath, if_match: of.IfMatch = None,
        *, dry_run: of.DryRun = False,
    ) -> Response[None]:  # fmt: skip
        """Delete it; 409 while a stored resource refers to it."""
        require(who, "write", KIND)
        plan = partial(Edits(control, who).delete, KIND, name, precondition(if_match))
        made = await make(control, who.author("delete"), plan, dry_run=dry_run)
        return changed(made, KIND, name, dry_run=dry_run)

    @get("/{name:str}/history", summary="Revisions, newest first")
    async def history(
        self, who: Caller, control: Controlled, name: of.InPath, limit: of.Limit = 100,
        before: of.Before = "",
    ) -> History:  # fmt: skip
        """Return who set it, and when."""
        require(who, "read", KIND)
        return await Reading(control, who).history(KIND, name, limit, before)


class SecretRotation(Controller):
    """All secrets at once."""

    path = "/secret-rotation"
    tags = ("secrets",)

    @post(summary="Seal all secrets anew", status_code=200)
    async def rotate(self, who: Caller, control: Controlled) -> Rotated:
        """Wrap all data keys under the first master key, and seal all secrets under a new one.

        All of them, or none.
        """
        require(who, "write", KIND)
        try:
            wrapped = await control.vault.rotate_master()
            await control.vault.new_data_key()
            made = await make(control, who.author("rotate"), partial(_sealed_anew, control))
        except NotOpened as error:
            raise Refused(CONFLICT, str(error)) from error
        return Rotated(wrapped, len(made.planned))


async def _put(edits: Edits, name: str, content: bytes, wanted: Precondition) -> list[Planned]:
    return [Planned(KIND, name, await edits.there(KIND, name, wanted), content)]


async def _sealed_anew(control: Control) -> list[Planned]:
    planned = []
    async for revision in every(control.store, KIND):
        text = await control.vault.open(revision.name, revision.content or b"")
        content = await _sealed(control, revision.name, text)
        planned.append(Planned(KIND, revision.name, revision, content))
    return planned


async def _sealed(control: Control, name: str, text: str) -> bytes:
    try:
        sealed = await control.vault.encrypt(name, text)
    except NotOpened as error:
        raise Refused(CONFLICT, str(error)) from error
    return msgspec.json.encode(sealed, order="sorted")
