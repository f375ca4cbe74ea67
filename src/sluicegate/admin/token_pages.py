"""/admin/v1/tokens: admin tokens. Made, shown once, listed, revoked for ever; never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter

from sluicegate.admin import changes
from sluicegate.admin.changes import Planned
from sluicegate.admin.identity import Caller, Controlled, Timed, Who, require
from sluicegate.admin.instants import instant, micros
from sluicegate.admin.problems import invalid, missing
from sluicegate.admin.specs import expires_in
from sluicegate.admin.tokens import PREFIX, StoredToken, TokenSpec, hashed, token_name
from sluicegate.errors import CONFLICT, Refused
from sluicegate.model.key import new_key
from sluicegate.model.resource import Resource
from sluicegate.store.contract import Change, Revision

if TYPE_CHECKING:
    from sluicegate.admin.control import Control

KIND = "token"


class MadeToken(Resource, frozen=True, kw_only=True):
    """A new token. `token` is shown this once, and null where the request is replayed."""

    name: str
    token: str | None
    spec: TokenSpec


class ShownToken(Resource, frozen=True, kw_only=True):
    """A token as it may be shown."""

    kind: str
    name: str
    source: str
    revision: str
    changed_at: datetime
    changed_by: str
    spec: TokenSpec


class TokenList(Resource, frozen=True, kw_only=True):
    """Tokens by name; `next` is `after` of the next page."""

    items: Sequence[ShownToken]
    next: str | None


class TokenPages(Controller):
    """Admin tokens, for the role `admin`."""

    path = "/tokens"
    tags = ["tokens"]

    @get(summary="Tokens that are not revoked")
    async def listing(
        self,
        who: Caller,
        control: Controlled,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
        after: Annotated[str, QueryParameter(max_length=256)] = "",
        prefix: Annotated[str, QueryParameter(max_length=256)] = "",
        team: Annotated[str | None, QueryParameter(max_length=128)] = None,
    ) -> TokenList:
        """Return tokens by name; never what they are made of."""
        require(who, "read", KIND)
        owners = None if team is None else [team]
        found = await control.store.listing(
            KIND, after=after, limit=limit + 1, prefix=prefix, owners=owners
        )
        more = found[limit - 1].name if len(found) > limit else None
        return TokenList(items=[_shown(revision) for revision in found[:limit]], next=more)

    @get("/{name:str}", summary="One token")
    async def show(self, who: Caller, control: Controlled, name: FromPath[str]) -> ShownToken:
        """Return what a token is good for."""
        require(who, "read", KIND)
        return _shown(await _living(control, name))

    @post(
        summary="Make a token",
        responses={201: ResponseSpec(MadeToken, description="Made; `token` is shown this once")},
    )
    async def make(
        self, request: Request[Any, Any, Any], who: Caller, control: Controlled, clock: Timed,
        data: JSONBody[TokenSpec],
    ) -> Response[MadeToken]:  # fmt: skip
        """Make a token and return it; it can never be shown again."""
        require(who, "write", KIND)
        expires_in(await request.body())
        _check(control, data, clock.wall_us())
        token = new_key(control.region, prefix=PREFIX)
        name = token_name(token) or ""
        stored = StoredToken(**_members(data), hash=hashed(token, dict(control.peppers)))
        content = msgspec.json.encode(stored, order="sorted")

        async def plan() -> list[Planned]:
            await _refuse_without_team(control, data.team)
            return [Planned(KIND, name, None, content)]

        await changes.make(control, who.author("create"), plan)
        made = MadeToken(name=name, token=token, spec=data)
        return Response(made, status_code=201, headers={"location": f"/admin/v1/tokens/{name}"})

    @delete("/{name:str}", summary="Revoke a token, for ever")
    async def revoke(self, who: Caller, control: Controlled, name: FromPath[str]) -> None:
        """Revoke a token: it is refused everywhere at once, and never comes back."""
        require(who, "write", KIND)
        newest = await _living(control, name)
        await _revoke(control, who, newest)


async def _revoke(control: Control, who: Who, newest: Revision) -> None:
    change = Change(KIND, newest.name, None, expected=newest.id, owner=newest.owner)
    await control.store.write([change], who.author("revoke"))
    await control.written()


async def _living(control: Control, name: str) -> Revision:
    """Return a token's revision. Raises Refused: 404, 409 for one that was revoked."""
    newest = await control.store.head(KIND, name)
    if newest is None:
        raise missing(KIND, name)
    if newest.content is None:
        raise Refused(CONFLICT, f"the token {name} was revoked, and that is final")
    return newest


def _check(control: Control, spec: TokenSpec, now_us: int) -> None:
    """Raise Invalid for a token that would be good for nothing."""
    if not control.peppers:
        raise Refused(CONFLICT, "there is no pepper to hash tokens under: expected `peppers`")
    if spec.expires is not None and micros(spec.expires) <= now_us:
        raise invalid("expires", "expected a time to come")


async def _refuse_without_team(control: Control, name: str | None) -> None:
    if name is None or name in control.declared("team"):
        return
    team = await control.store.head("team", name)
    if team is None or team.content is None:
        raise invalid("team", f"there is no team {name}")


def _shown(revision: Revision) -> ShownToken:
    stored = msgspec.json.decode(revision.content or b"{}", type=StoredToken)
    return ShownToken(
        kind=KIND,
        name=revision.name,
        source="store",
        revision=revision.id,
        changed_at=instant(revision.at_us),
        changed_by=revision.actor,
        spec=stored.spec(),
    )


def _members(spec: TokenSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in spec.__struct_fields__}
