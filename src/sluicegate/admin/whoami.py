"""GET /admin/v1/whoami: who a token says one is."""

from __future__ import annotations

from litestar import Controller, get

from sluicegate.admin.identity import Caller
from sluicegate.admin.roles import Role
from sluicegate.model.resource import Resource


class Identity(Resource, frozen=True, kw_only=True):
    """A caller; `via` is the address that the request came from."""

    name: str
    role: Role
    team: str | None
    via: str


class WhoAmI(Controller):
    """The caller."""

    path = "/whoami"
    tags = ["whoami"]

    @get(summary="Who is asking")
    async def show(self, who: Caller) -> Identity:
        """Return what the token is good for. Any token may ask."""
        return Identity(name=who.name, role=who.role, team=who.team, via=who.via)
