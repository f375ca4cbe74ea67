"""What is asked of the ledger, in SQL that both servers read the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Boolean, Integer, and_, case, delete, false, func, or_, select, tuple_

from sluicegate.store.ledger import DIMENSIONS, UsageRow
from sluicegate.store.ledger_rows import COLUMNS
from sluicegate.store.queries import is_text
from sluicegate.store.tables import ledger

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Delete, Row, Select

    from sluicegate.store.ledger import Dimension, UsageQuery

    Month = Callable[[ColumnElement[int]], ColumnElement[str]]
    """Writes a month in a server's way."""

DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_NUMBER: Final = 15
"""Digits: more than any number that is kept has."""
MOST_ASKED: Final = 200
"""Characters of what callers called a model: they may write anything."""
TRUTHS: Final = {"true": True, "false": False}


def spent(where: Mapping[str, str | None], since_us: int, until_us: int) -> Select[Any]:
    """Ask for the sum of costs."""
    return select(func.coalesce(func.sum(ledger.c.cost), 0)).where(
        *_within(since_us, until_us, where)
    )


def newest(
    since_us: int, until_us: int, where: Mapping[str, str | None], limit: int,
    before: tuple[int, str] | None,
) -> Select[Any]:  # fmt: skip
    """Ask for entries, newest first."""
    asked = select(*COLUMNS).where(*_within(since_us, until_us, where))
    if before is not None:
        asked = asked.where(tuple_(ledger.c.at_us, ledger.c.id) < tuple_(*before))
    return asked.order_by(ledger.c.at_us.desc(), ledger.c.id.desc()).limit(limit)


def expired(before_us: int, window: int) -> Delete:
    """Delete so many of the entries that were admitted before then."""
    some = select(ledger.c.id, ledger.c.at_us).where(ledger.c.at_us < before_us)
    picked = some.order_by(ledger.c.at_us).limit(window).subquery()
    place = tuple_(ledger.c.id, ledger.c.at_us)
    return delete(ledger).where(
        ledger.c.at_us < before_us, place.in_(select(picked.c.id, picked.c.at_us))
    )


def usage(query: UsageQuery, month: Month) -> Select[Any]:
    """Ask for sums by the dimensions of a query. Raises ValueError for one that there is not."""
    by = [_dimension(name, month).label(f"by_{place}") for place, name in enumerate(query.by)]
    asked = select(*by, *_sums()).where(*_within(query.since_us, query.until_us, query.where))
    if query.after is not None:
        asked = asked.where(_behind(query, [_dimension(name, month) for name in query.by]))
    if by:
        asked = asked.group_by(*by).order_by(*(each.asc().nulls_first() for each in by))
    return asked.limit(query.limit)


def usage_row(by: Sequence[Dimension], row: Row[Any]) -> UsageRow:
    """Make a row of what `usage` has asked for."""
    values = tuple(_written(name, value) for name, value in zip(by, row, strict=False))
    return UsageRow(values, *(int(value or 0) for value in row[len(by) :]))


def _sums() -> list[ColumnElement[Any]]:
    """Return what is summed up, in the order of the fields of `UsageRow`."""
    c = ledger.c
    failed = or_(c.failure.is_not(None), c.status >= 400)  # noqa: PLR2004 - HTTP's first error
    return [
        func.sum(c.requests),
        *(
            func.sum(case((condition, c.requests), else_=0))
            for condition in (failed, c.from_cache, c.estimated, c.unsettled, c.cost.is_(None))
        ),
        *(func.sum(c[name]) for name in ("input", "output", "cached", "cache_write", "reasoning")),
        func.sum(c.cost),
        func.sum(c.bytes_in),
        func.sum(c.bytes_out),
    ]


def _within(
    since_us: int, until_us: int, where: Mapping[str, str | None]
) -> list[ColumnElement[bool]]:
    conditions = [_equal(name, value) for name, value in where.items()]
    return [ledger.c.at_us >= since_us, ledger.c.at_us < until_us, *conditions]


def _equal(name: str, value: str | None) -> ColumnElement[bool]:
    """Say that a field of an entry has a value. Raises ValueError where there is no such field."""
    column = ledger.c.get(name)
    if column is None:
        raise ValueError(f"entries have no field `{name}`")
    if value is None:
        return column.is_(None)
    if isinstance(column.type, Boolean):
        return column.is_(TRUTHS[value]) if value in TRUTHS else false()
    if isinstance(column.type, Integer):
        return column == int(value) if _is_number(value) else false()
    return column == value if is_text(value) else false()


def _dimension(name: str, month: Month) -> ColumnElement[Any]:
    match name:
        case "month":
            return month(ledger.c.at_us)
        case "day":
            return ledger.c.at_us // DAY_US
        case "hour":
            return ledger.c.at_us // HOUR_US
        case "asked":
            return func.substr(ledger.c.asked, 1, MOST_ASKED)
        case _ if name in DIMENSIONS:
            return ledger.c[name]
    raise ValueError(f"there is no dimension `{name}`")


def _behind(query: UsageQuery, by: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    """Say that a row comes after the last one of the page before; nothing is the least."""
    after = query.after or ()
    if len(after) != len(by):
        raise ValueError(f"found {len(after)} values to go on behind; expected {len(by)}")
    found: ColumnElement[bool] = false()
    for name, column, text in reversed(list(zip(query.by, by, after, strict=True))):
        value = None if text is None else _read(name, text)
        if value is None:
            found = or_(column.is_not(None), and_(column.is_(None), found))
        else:
            found = or_(column > value, and_(column == value, found))
    return found


def _written(name: Dimension, value: Any) -> str | None:  # noqa: ANN401 - of any column
    """Write a value of a dimension: days as `2026-07-31`, hours as `2026-07-31T14:00Z`."""
    if value is None or isinstance(value, str):
        return value
    match name:
        case "day":
            return f"{EPOCH + timedelta(days=value):%Y-%m-%d}"
        case "hour":
            return f"{EPOCH + timedelta(hours=value):%Y-%m-%dT%H:00Z}"
        case _:
            return str(value)


def _read(name: Dimension, text: str) -> int | str:
    """Read what `_written` wrote. Raises ValueError for anything else."""
    match name:
        case "status":
            return int(text)
        case "day":
            return (date.fromisoformat(text) - EPOCH.date()).days
        case "hour":
            return (datetime.fromisoformat(text) - EPOCH) // timedelta(hours=1)
        case _ if is_text(text):
            return text
    raise ValueError(f"no value of `{name}` is so written")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
