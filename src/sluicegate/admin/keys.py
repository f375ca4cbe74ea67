"""`/keys`: stored keys of consumers. Made, shown once, changed, rotated, revoked for ever."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct

from sluicegate.admin import parameters as of
from sluicegate.admin.answers import location
from sluicegate.admin.changes import make
from sluicegate.admin.identity import Caller, Controlled, Timed, require
from sluicegate.admin.instants import instant
from sluicegate.admin.kept import Stored
from sluicegate.admin.key_edits import DEFAULT_OVERLAP, KeyEdits, unnamed
from sluicegate.admin.preconditions import etag, precondition
from sluicegate.admin.reading import Reading, Wanted
from sluicegate.admin.representation import Representation, ShownChanges, spec_of
from sluicegate.admin.specs import expires_in
from sluicegate.model.consumer import Scope
from sluicegate.model.route import Method

KIND = "key"


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that is to be made: whose it is, and what may be done with it."""

    consumer: str
    description: Annotated[str, Meta(max_length=1024)] = ""
    expires: Annotated[datetime, Meta(tz=True)] | None = None
    plan: str | None = None
    routes: list[str] = []
    methods: list[Method] = []
    ip_ranges: list[str] = []
    scopes: list[Scope] = []
    models: list[str] = []


class MadeKey(Struct, frozen=True, kw_only=True):
    """A new key. `key` is shown this once, and null where the request is replayed."""

    name: str
    key: str | None
    spec: Any


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the old key is good beside the new one, and when the new one expires.

    Without `expires` it is when the old one did.
    """

    overlap: str = DEFAULT_OVERLAP
    expires: Annotated[datetime, Meta(tz=True)] | None = None


class Replaced(Struct, frozen=True, kw_only=True):
    """The old key, and when it stops being good."""

    name: str
    expires: datetime


class RotatedKey(MadeKey, frozen=True, kw_only=True):
    """A new key with the rights of another, which it replaces."""

    replaces: Replaced


class ShownKey(Representation, frozen=True, kw_only=True):
    """A key as it may be shown. `last_used` is as this region knows it, to about ten seconds."""

    last_used: datetime | None = None


class KeyPage(Struct, frozen=True):
    """A part of a list. `next` is where to go on, as `after`; null at the end."""

    items: list[ShownKey]
    next: str | None = None


class Keys(Stored):
    """Stored keys. Those that the file declares are not among them."""

    path = "/keys"
    tags = ("keys",)
    kind = KIND
    gone = "revoke"

    @get(summary="List, in order of names")
    async def listing(
        self, who: Caller, control: Controlled, limit: of.Limit = 100, after: of.After = "",
        prefix: of.Prefix = "", consumer: of.Named = None, plan: of.Named = None,
    ) -> KeyPage:  # fmt: skip
        """Return keys that are not revoked; never the hash of one."""
        require(who, "read", KIND)
        wanted = Wanted(limit, after, prefix, "store", consumer, plan)
        page = await Reading(control, who).page(KIND, wanted)
        used = await control.store.last_used([item.name for item in page.items])
        return KeyPage([_shown(item, used.get(item.name)) for item in page.items], page.next)

    @get("/{name:str}", summary="Show one")
    async def show(self, who: Caller, control: Controlled, name: of.InPath) -> Response[ShownKey]:
        """Return what a key is good for, and when it was used."""
        require(who, "read", KIND)
        found = await Reading(control, who).one(KIND, name)
        used = await control.store.last_used([name])
        headers = {"etag": etag(found.revision or "")}
        return Response(_shown(found, used.get(name)), headers=headers)

    @post(summary="Make a key", responses={200: of.CHANGES})
    async def create(
        self, request: Request[Any, Any, Any], who: Caller, control: Controlled, clock: Timed,
        data: JSONBody[NewKey], *, dry_run: of.DryRun = False,
    ) -> Response[MadeKey]:  # fmt: skip
        """Make a key of a consumer and return it; it can never be shown again."""
        del data
        require(who, "write", KIND)
        edits = KeyEdits(control, who, clock)
        key = edits.new()
        plan = partial(edits.create, key, await request.body())
        with unnamed(key.name):
            made = await make(control, who.author("create"), plan, dry_run=dry_run)
        if dry_run:
            return _would_be(made.shown())
        revision = made.revisions[KIND, key.name]
        answer = MadeKey(name=key.name, key=key.text, spec=spec_of(KIND, revision.content))
        headers = {"location": location(KIND, key.name), "etag": etag(revision.id)}
        return Response(answer, status_code=201, headers=headers)

    @post("/{name:str}/rotate", summary="Replace by a new key", responses={200: of.CHANGES})
    async def rotate(
        self, request: Request[Any, Any, Any], who: Caller, control: Controlled, clock: Timed,
        name: of.InPath, data: JSONBody[Rotation], if_match: of.IfMatch = None,
        *, dry_run: of.DryRun = False,
    ) -> Response[RotatedKey]:  # fmt: skip
        """Make a key of the same rights; the old one is good for the `overlap` yet."""
        require(who, "write", KIND)
        edits = KeyEdits(control, who, clock)
        key, ends = edits.new(), edits.end(data.overlap)
        expires = expires_in(await request.body())
        plan = partial(edits.rotate, name, key, ends, expires, precondition(if_match))
        made = await make(control, who.author("rotate"), plan, dry_run=dry_run)
        if dry_run:
            return _would_be(made.shown())
        revision = made.revisions[KIND, key.name]
        until = edits.expiry(made.revisions[KIND, name].content) or ends
        answer = RotatedKey(
            name=key.name,
            key=key.text,
            spec=spec_of(KIND, revision.content),
            replaces=Replaced(name=name, expires=until),
        )
        headers = {"location": location(KIND, key.name), "etag": etag(revision.id)}
        return Response(answer, status_code=201, headers=headers)


def _would_be(changes: ShownChanges) -> Response[Any]:
    return Response(changes, status_code=200)


def _shown(found: Representation, used_us: int | None) -> ShownKey:
    fields = {name: getattr(found, name) for name in Representation.__struct_fields__}
    return ShownKey(**fields, last_used=None if used_us is None else instant(used_us))
