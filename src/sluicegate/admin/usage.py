"""/admin/v1/usage: what calls used and cost, added up by whom and when, or call by call.

As JSON, or as CSV where `Accept` prefers `text/csv` or `format=csv` asks for it. A token of a team
sees what that team's consumers used. Money is exact: whole nano-USD, and dollars as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple, cast
from urllib.parse import parse_qsl, urlencode

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter, SkipValidation

from sluicegate.admin import spreadsheet
from sluicegate.admin.audit import INSTANT
from sluicegate.admin.budget_places import bounds_of
from sluicegate.admin.cursors import CURSOR, cursor, read_cursor
from sluicegate.admin.identity import Caller, Controlled, Timed, Who, require
from sluicegate.admin.instants import instant, micros
from sluicegate.admin.problems import invalid
from sluicegate.admin.usage_shapes import (
    EntryList,
    Form,
    UsageEntry,
    UsageItem,
    UsageList,
    entry_shown,
    row_shown,
)
from sluicegate.store.ledger import DIMENSIONS, MOST_ROWS, Dimension, UsageQuery

ANY_TEXT: Final = r"^[ -~]{0,256}$(?!\n)"
GROUPS: Final = rf"^(({'|'.join(DIMENSIONS)})(,({'|'.join(DIMENSIONS)}))*)?$(?!\n)"
BY: Final = (
    "What rows are told apart by, with commas between: "
    + ", ".join(f"`{name}`" for name in DIMENSIONS)
    + ". `asked` is the model's name as callers wrote it, at most 200 characters of it."
)
PLACE: Final = r"^([0-9]{1,18}\.[!-~]{1,128})?$(?!\n)"

Filter = Annotated[
    str | None,
    QueryParameter(pattern=ANY_TEXT, description="Only what has this; empty: what has none."),
]
Since = Annotated[
    str | None,
    QueryParameter(
        pattern=INSTANT, description="Calls admitted from then on; without it, in this month (UTC)."
    ),
]
Until = Annotated[
    str | None,
    QueryParameter(pattern=INSTANT, description="And before then; without it, until now."),
]
Where = Mapping[str, str | None]


class Asked(NamedTuple):
    """Of which calls: admitted since and until then (microseconds since 1970), `where` is equal.

    `where` is None for calls of another team, which nobody asks for. `csv` is how they are shown.
    """

    since_us: int
    until_us: int
    where: Where | None
    csv: bool


def provide_where(  # noqa: PLR0913 - each is a parameter of the query
    *,
    consumer: Filter = None,
    team: Filter = None,
    key: Filter = None,
    plan: Filter = None,
    route: Filter = None,
    model: Filter = None,
    provider: Filter = None,
    deployment: Filter = None,
    region: Filter = None,
) -> Where:
    """Return what is looked for, of the fields of entries (the dependency `where`)."""
    given = {
        "consumer": consumer, "team": team, "key": key, "plan": plan, "route": route,
        "model": model, "provider": provider, "deployment": deployment, "region": region,
    }  # fmt: skip
    return {name: value or None for name, value in given.items() if value is not None}


def provide_asked(
    request: Request[Any, Any, Any],
    *,
    who: Caller,
    clock: Timed,
    where: NamedDependency[SkipValidation[Where]],
    since: Since = None,
    until: Until = None,
    format: FromQuery[Form | None] = None,  # noqa: A002 - the name of the parameter
) -> Asked:
    """Return of which calls usage is asked for (the dependency `asked`). Raises Refused."""
    require(who, "read", "usage")
    since_us, until_us = span(since, until, clock.wall_us())
    csv = spreadsheet.wants(request.headers.get("accept"), format)
    return Asked(since_us, until_us, held_to(who, where), csv)


Question = NamedDependency[SkipValidation[Asked]]


class Usage(Controller):
    """What calls used and cost."""

    path = "/usage"
    tags = ("usage",)
    dependencies = {
        "where": Provide(provide_where, sync_to_thread=False),
        "asked": Provide(provide_asked, sync_to_thread=False),
    }

    @get(summary="Usage and cost, added up")
    async def listing(
        self,
        request: Request[Any, Any, Any],
        control: Controlled,
        asked: Question,
        *,
        by: Annotated[str, QueryParameter(pattern=GROUPS, description=BY)] = "",
        limit: Annotated[int, QueryParameter(ge=1, le=MOST_ROWS)] = 1000,
        after: Annotated[str, QueryParameter(pattern=CURSOR, description="A page's `next`.")] = "",
    ) -> Response[UsageList]:
        """Return sums over calls, by the values that rows are told apart by."""
        dimensions = _dimensions(by)
        behind = read_cursor(after, len(dimensions))
        rows = []
        if asked.where is not None:
            query = UsageQuery(
                asked.since_us, asked.until_us, dimensions, asked.where, limit + 1, behind
            )
            rows = await control.store.ledger.usage(query)
        more = cursor(rows[limit - 1].values) if len(rows) > limit else None
        items = [row_shown(dimensions, row) for row in rows[:limit]]
        if asked.csv:
            return _csv(request, UsageItem.columns(dimensions), [i.cells() for i in items], more)
        whole = UsageList(
            since=instant(asked.since_us),
            until=instant(asked.until_us),
            by=dimensions,
            items=items,
            next=more,
        )
        return Response(whole)

    @get("/entries", summary="The ledger's entries, newest first")
    async def entries(
        self,
        request: Request[Any, Any, Any],
        control: Controlled,
        asked: Question,
        *,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
        after: Annotated[str, QueryParameter(pattern=PLACE, description="A page's `next`.")] = "",
    ) -> Response[EntryList]:
        """Return what each call used and cost; prompts and answers are in no entry."""
        found = []
        if asked.where is not None:
            at_us, _, entry_id = after.partition(".")
            before = (int(at_us), entry_id) if after else None
            found = await control.store.ledger.entries(
                asked.since_us, asked.until_us, asked.where, limit=limit + 1, before=before
            )
        last = found[limit - 1] if len(found) > limit else None
        more = None if last is None else f"{last.at_us}.{last.id}"
        items = [entry_shown(entry) for entry in found[:limit]]
        if asked.csv:
            return _csv(request, UsageEntry.columns(), [item.cells() for item in items], more)
        return Response(EntryList(items=items, next=more))


def span(since: str | None, until: str | None, now_us: int) -> tuple[int, int]:
    """Return from when until when, microseconds since 1970. Raises Invalid."""
    until_us = now_us + 1 if until is None else _micros("until", until)
    start_us = bounds_of("month", now_us)[0] if since is None else _micros("since", since)
    if start_us >= until_us:
        raise invalid("since", "expected a time before `until`")
    return start_us, until_us


def held_to(who: Who, where: Where) -> Where | None:
    """Return what a caller may look for; None for what is another team's."""
    if who.team is None:
        return where
    if where.get("team", who.team) != who.team:
        return None
    return {**where, "team": who.team}


def _micros(name: str, text: str) -> int:
    try:
        return micros(datetime.fromisoformat(text))
    except ValueError:
        raise invalid(name, "expected a time such as 2027-01-31T00:00:00Z") from None


def _dimensions(by: str) -> tuple[Dimension, ...]:
    names = tuple(by.split(",")) if by else ()
    if len(set(names)) != len(names):
        raise invalid("by", "found one more than once")
    return cast("tuple[Dimension, ...]", names)


def _csv(
    request: Request[Any, Any, Any],
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    more: str | None,
) -> Response[Any]:
    """Answer with a table; where to go on stands in `Link` (RFC 8288)."""
    headers = {"vary": "accept"}
    if more is not None:
        asked = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        query = urlencode([*((k, v) for k, v in asked if k != "after"), ("after", more)])
        headers["link"] = f'<{request.url.path}?{query}>; rel="next"'
    content = spreadsheet.written(columns, rows)
    return Response(content, media_type=spreadsheet.MEDIA, headers=headers)
