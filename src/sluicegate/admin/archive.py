"""/admin/v1/archive: prompts and answers that the policy `archive` has kept.

For the role `admin` alone. Who has looked at what is in the process's own log, marked `audit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import structlog
from litestar import Controller, get
from litestar.params import FromPath, QueryParameter

from sluicegate.admin.audit import INSTANT
from sluicegate.admin.cursors import CURSOR, cursor, read_cursor
from sluicegate.admin.identity import Caller, Controlled, Timed, Who, require
from sluicegate.admin.instants import instant, micros
from sluicegate.admin.problems import invalid, missing
from sluicegate.admin.segments import restored
from sluicegate.errors import CONFLICT, Refused
from sluicegate.model.resource import Resource
from sluicegate.store.archive import ArchiveQuery, sealed_as
from sluicegate.store.vault import NotOpened

if TYPE_CHECKING:
    from sluicegate.store.archive import ArchiveRow

WHAT: Final = "archive"
LAST: Final = 2**62
DIGITS: Final = 19
When = Annotated[str | None, QueryParameter(pattern=INSTANT)]
Filter = Annotated[str | None, QueryParameter(max_length=256)]


class Listed(Resource, frozen=True, kw_only=True):
    """A call without what was said. Sizes are bytes; `redacted` is how many places were."""

    id: str
    at: datetime
    until: datetime
    consumer: str | None
    team: str | None
    route: str | None
    model: str | None
    status: int
    request_id: str
    request_bytes: int
    answer_bytes: int
    redacted: int


class ArchiveList(Resource, frozen=True, kw_only=True):
    """Calls, newest first; `next` is `after` of the next page."""

    items: Sequence[Listed]
    next: str | None


class Shown(Listed, frozen=True, kw_only=True):
    """A call with what was said, redacted.

    Of a stream, `answer` is a list of its parts. Where one is null, `left_out` may say why: `size`,
    `redaction` (it would have taken too long), `unreadable`.
    """

    key: str | None
    asked: str | None
    provider: str | None
    deployment: str | None
    dialect: str
    stream: bool
    from_cache: bool
    failure: str | None
    request: Any
    answer: Any
    left_out: dict[str, str]


class Opened(msgspec.Struct):
    """What of a call is sealed, by name."""

    key: str | None = None
    asked: str | None = None
    provider: str | None = None
    deployment: str | None = None
    dialect: str = ""
    stream: bool = False
    from_cache: bool = False
    failure: str | None = None
    request: str | None = None
    answer: str | None = None
    left_out: dict[str, str] = {}


TOLD: Final = tuple(name for name in Opened.__struct_fields__ if name not in ("request", "answer"))


class Archive(Controller):
    """Prompts and answers that were kept."""

    path = "/archive"
    tags = ["archive"]

    @get(summary="Archived calls, newest first")
    async def listing(  # noqa: PLR0917 - each is a parameter of the query
        self,
        who: Caller,
        control: Controlled,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
        after: Annotated[str, QueryParameter(pattern=CURSOR)] = "",
        consumer: Filter = None,
        route: Filter = None,
        since: When = None,
        until: When = None,
    ) -> ArchiveList:
        """Return calls without what was said."""
        require(who, "read", WHAT)
        query = ArchiveQuery(
            since_us=_micros("since", since, 0),
            until_us=_micros("until", until, LAST),
            consumer=consumer,
            route=route,
            before=_before(after),
            limit=limit + 1,
        )
        found = await control.store.archive.listing(query)
        _audit(who, "listed", None)
        more = None
        if len(found) > limit:
            last = found[limit - 1]
            more = cursor((str(last.at_us), last.id))
        items = [Listed(**_listed(row)) for row in found[:limit]]
        return ArchiveList(items=items, next=more)

    @get("/{name:str}", summary="One archived call")
    async def show(
        self, who: Caller, control: Controlled, clock: Timed, name: FromPath[str]
    ) -> Shown:
        """Return what was asked and answered."""
        require(who, "read", WHAT)
        id_ = restored(name)
        row = await control.store.archive.get(id_)
        if row is None or row.until_us <= clock.wall_us():
            raise missing("archived call", id_[:128])
        _audit(who, "read", id_)
        try:
            text = await control.vault.open(sealed_as(row.id), row.sealed.encode())
        except NotOpened as error:
            raise Refused(CONFLICT, str(error)) from None
        call = msgspec.convert(msgspec.json.decode(text), Opened)
        said = {name: getattr(call, name) for name in TOLD}
        return Shown(
            **_listed(row), **said, request=_plain(call.request), answer=_plain(call.answer)
        )


def _audit(who: Who, did: str, id_: str | None) -> None:
    structlog.get_logger().info(
        f"the archive was {did}", audit=True, who=who.name, via=who.via, call=id_
    )


def _listed(row: ArchiveRow) -> dict[str, Any]:
    shown = msgspec.structs.asdict(row)
    del shown["sealed"]
    at, until = instant(shown.pop("at_us")), instant(shown.pop("until_us"))
    return {**shown, "at": at, "until": until}


def _plain(text: str | None) -> object:
    return None if text is None else msgspec.json.decode(text)


def _before(after: str) -> tuple[int, str] | None:
    """Return where a page begins. Raises Invalid."""
    values = read_cursor(after, 2)
    if values is None:
        return None
    at, id_ = values
    if at is None or id_ is None or not at.isdecimal() or len(at) >= DIGITS:
        raise invalid("after", "expected the `next` of a page of the same list")
    return int(at), id_


def _micros(name: str, text: str | None, default: int) -> int:
    """Return microseconds since 1970. Raises Invalid for a day that no calendar has."""
    if text is None:
        return default
    try:
        return micros(datetime.fromisoformat(text))
    except ValueError:
        raise invalid(name, "expected a time such as 2027-01-31T00:00:00Z") from None
