"""GET /admin/v1/audit: who changed what, when, and from where, newest first.

The log is the table of revisions itself. It shows no contents: those are in the history of each
resource. Refused writes and sign-ins are in the process's own log, marked `audit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from litestar import Controller, get
from litestar.params import FromQuery, QueryParameter

from sluicegate.admin.identity import Caller, Controlled, may, require
from sluicegate.admin.instants import instant, micros
from sluicegate.admin.problems import invalid
from sluicegate.admin.roles import KINDS, Kind
from sluicegate.model.resource import Resource

if TYPE_CHECKING:
    from sluicegate.store.contract import Revision


INSTANT: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})$"
)
"""RFC 3339, section 5.6. Litestar would take a bare number for a time, too."""


class Entry(Resource, frozen=True, kw_only=True):
    """One change. `actor` is the name of a token, `via` an address."""

    revision: str
    at: datetime
    kind: str
    name: str
    action: str
    actor: str
    via: str
    region: str


class Log(Resource, frozen=True, kw_only=True):
    """Changes, newest first; `next` is `before` of the page after this one."""

    items: Sequence[Entry]
    next: str | None


class Audit(Controller):
    """What was changed."""

    path = "/audit"
    tags = ["audit"]

    @get(summary="Changes of all resources, newest first")
    async def show(
        self,
        who: Caller,
        control: Controlled,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
        before: Annotated[str, QueryParameter(max_length=36)] = "",
        kind: FromQuery[Kind | None] = None,
        actor: Annotated[str | None, QueryParameter(max_length=256)] = None,
        since: Annotated[str | None, QueryParameter(pattern=INSTANT)] = None,
    ) -> Log:
        """Return changes of the kinds that the caller may read, only those asked for."""
        require(who, "read", "audit")
        if kind is not None:
            require(who, "read", kind)
        found = await control.store.audit(
            before=before,
            limit=limit + 1,
            kinds=[kind] if kind else sorted(k for k in KINDS if may(who, "read", k)),
            actor=actor,
            since_us=_since_us(since),
        )
        more = found[limit - 1].id if len(found) > limit else None
        return Log(items=[_entry(revision) for revision in found[:limit]], next=more)


def _since_us(since: str | None) -> int:
    """Return microseconds since 1970. Raises Invalid for a day that no calendar has."""
    if since is None:
        return 0
    try:
        return micros(datetime.fromisoformat(since))
    except ValueError:
        raise invalid("since", "expected a time such as 2027-01-31T00:00:00Z") from None


def _entry(revision: Revision) -> Entry:
    return Entry(
        revision=revision.id,
        at=instant(revision.at_us),
        kind=revision.kind,
        name=revision.name,
        action=revision.action,
        actor=revision.actor,
        via=revision.via,
        region=revision.region,
    )
