"""`/services`, `/providers`, `/models`, `/routes`, `/plans`, `/teams` and `/consumers`."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar import Request, Response, get, post, put
from litestar.params import JSONBody
from msgspec import Struct

from sluicegate.admin import parameters as of
from sluicegate.admin.answers import changed, read
from sluicegate.admin.changes import make
from sluicegate.admin.edits import Edits
from sluicegate.admin.identity import Caller, Controlled, require
from sluicegate.admin.kept import Stored
from sluicegate.admin.preconditions import precondition
from sluicegate.admin.reading import Reading, Wanted
from sluicegate.admin.representation import Page, Representation
from sluicegate.admin.specs import spec_in


class NewResource(Struct, frozen=True, forbid_unknown_fields=True):
    """A resource that is to be made."""

    name: str
    spec: dict[str, Any]


class Resources(Stored):
    """What a configuration may declare by name; a subclass says of which kind."""

    @get(summary="List, in order of names")
    async def listing(
        self, who: Caller, control: Controlled, limit: of.Limit = 100, after: of.After = "",
        prefix: of.Prefix = "", source: of.FromSource = None,
    ) -> Page:  # fmt: skip
        """Return those of the store and of the file; of two with one name, the file's."""
        require(who, "read", self.kind)
        wanted = Wanted(limit, after, prefix, source)
        return await Reading(control, who).page(self.kind, wanted)

    @post(summary="Create", responses={200: of.CHANGES})
    async def create(
        self, request: Request[Any, Any, Any], who: Caller, control: Controlled,
        data: JSONBody[NewResource], *, dry_run: of.DryRun = False,
    ) -> Response[Representation]:  # fmt: skip
        """Make one of a new name; 409 where there is one already."""
        require(who, "write", self.kind)
        spec = spec_in(await request.body())
        plan = partial(Edits(control, who).create, self.kind, data.name, spec)
        made = await make(control, who.author("create"), plan, dry_run=dry_run)
        return changed(made, self.kind, data.name, dry_run=dry_run)

    @get("/{name:str}", summary="Show one")
    async def show(
        self, who: Caller, control: Controlled, name: of.InPath
    ) -> Response[Representation]:
        """Return it, with its `ETag` where it is stored."""
        require(who, "read", self.kind)
        return read(await Reading(control, who).one(self.kind, name))

    # The body is read strictly as a spec, which gives faults their paths in a document.
    @put(
        "/{name:str}",
        summary="Create or replace",
        responses={201: of.MADE},
        request_class=Request,
    )
    async def replace(
        self, request: Request[Any, Any, Any], who: Caller, control: Controlled, name: of.InPath,
        data: JSONBody[dict[str, Any]], if_match: of.IfMatch = None,
        if_none_match: of.IfNoneMatch = None, *, dry_run: of.DryRun = False,
    ) -> Response[Representation]:  # fmt: skip
        """Make the body its `spec`, whether there is one or not."""
        del data
        require(who, "write", self.kind)
        wanted = precondition(if_match, if_none_match)
        plan = partial(Edits(control, who).put, self.kind, name, await request.body(), wanted)
        made = await make(control, who.author("replace"), plan, dry_run=dry_run)
        return changed(made, self.kind, name, dry_run=dry_run)


class Services(Resources):
    """Upstreams."""

    path = "/services"
    tags = ("services",)
    kind = "service"


class Providers(Resources):
    """Vendors of models, and how we reach them."""

    path = "/providers"
    tags = ("providers",)
    kind = "provider"


class Models(Resources):
    """What clients of the AI endpoints ask for."""

    path = "/models"
    tags = ("models",)
    kind = "model"


class Routes(Resources):
    """Matches, and what happens then."""

    path = "/routes"
    tags = ("routes",)
    kind = "route"


class Plans(Resources):
    """Limits and rights that consumers share."""

    path = "/plans"
    tags = ("plans",)
    kind = "plan"


class Teams(Resources):
    """Consumers that belong together."""

    path = "/teams"
    tags = ("teams",)
    kind = "team"


class Consumers(Resources):
    """Who calls."""

    path = "/consumers"
    tags = ("consumers",)
    kind = "consumer"

    @get(summary="List, in order of names")
    async def listing(
        self, who: Caller, control: Controlled, limit: of.Limit = 100, after: of.After = "",
        prefix: of.Prefix = "", source: of.FromSource = None, *, team: of.Named = None,
        plan: of.Named = None,
    ) -> Page:  # fmt: skip
        """Return those of the store and of the file; of two with one name, the file's."""
        require(who, "read", self.kind)
        wanted = Wanted(limit, after, prefix, source, team, plan)
        return await Reading(control, who).page(self.kind, wanted)
