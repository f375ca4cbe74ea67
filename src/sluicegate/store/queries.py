"""What is asked of the revisions, in SQL that both servers read the same way.

The newest of a name is found by a subquery per row, which is one step in the index
(kind, name, stamp desc, id desc). As a join PostgreSQL may read the whole table for it. The `CASE`
around it says nothing new, but without it the planner takes hardly any row to be the newest of its
name, and sorts a million of them for a page of a hundred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, case, false, func, or_, select, true, tuple_

from sluicegate.store.contract import CONFIGURATION, FINAL, Revision
from sluicegate.store.tables import arrivals, revisions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sqlalchemy import ColumnElement, FromClause, Row, ScalarSelect, Select

    from sluicegate.store.contract import Grounds

    OneOf = Callable[[ColumnElement[Any], Collection[str]], ColumnElement[bool]]
    """Says in a server's way that a column is one of many values, by one bound parameter."""

LAST_CHARACTER: Final = 0x10FFFF
SURROGATES: Final = range(0xD800, 0xE000)
"""Code points that are no characters, and that UTF-8 leaves out."""


def revision_of(row: Row[Any], arrival: int = 0) -> Revision:
    """Make a revision of a row that begins with the columns of `revisions`."""
    content = row.content
    return Revision(
        id=row.id,
        kind=row.kind,
        name=row.name,
        stamp=row.stamp,
        region=row.region,
        content=None if content is None else content.encode(),
        owner=row.owner,
        plan=row.plan,
        actor=row.actor,
        via=row.via,
        action=row.action,
        at_us=row.at_us,
        arrival=arrival,
    )


def newest(table: FromClause, *, final: bool) -> Sequence[ColumnElement[Any]]:
    """Return the order in which the newest revision of a name comes first."""
    by_stamp = (table.c.stamp.desc(), table.c.id.desc())
    return (table.c.content.is_(None).desc(), *by_stamp) if final else by_stamp


def newest_content(kind: str, name: ColumnElement[Any], column: str) -> ScalarSelect[Any]:
    """Return a column of the newest revision of a name; NULL where that is a tombstone."""
    inner = revisions.alias()
    wanted = case((inner.c.content.is_not(None), inner.c[column]))
    found = select(wanted).where(inner.c.kind == kind, inner.c.name == name)
    first = found.order_by(*newest(inner, final=kind in FINAL)).limit(1)
    return first.correlate_except(inner).scalar_subquery()


def is_newest(table: FromClause, *, final: bool) -> ColumnElement[bool]:
    """Return the condition that a row is the newest of its name."""
    inner = revisions.alias()
    found = select(inner.c.id).where(inner.c.kind == table.c.kind, inner.c.name == table.c.name)
    first = found.order_by(*newest(inner, final=final)).limit(1)
    first_id = first.correlate_except(inner).scalar_subquery()
    return case((table.c.id == first_id, true()), else_=false()).is_(true())


def current(kinds: Collection[str], *, final: bool) -> Select[Any]:
    """Ask for the newest of every living name of these kinds, all of them final, or none."""
    living = and_(revisions.c.content.is_not(None), is_newest(revisions, final=final))
    return (
        select(revisions)
        .where(revisions.c.kind.in_(sorted(kinds)), living)
        .order_by(revisions.c.kind, revisions.c.name)
    )


def head(kind: str, name: str) -> Select[Any]:
    """Ask for the newest revision of a name."""
    found = select(revisions).where(revisions.c.kind == kind, revisions.c.name == name)
    return found.order_by(*newest(revisions, final=kind in FINAL)).limit(1)


def heads(kind: str, names: Collection[str], one_of: OneOf) -> Select[Any]:
    """Ask for the newest revisions of names of a kind."""
    return select(revisions).where(
        revisions.c.kind == kind,
        one_of(revisions.c.name, names),
        is_newest(revisions, final=kind in FINAL),
    )


def by_id(revision_id: str) -> Select[Any]:
    """Ask for a revision."""
    return select(revisions).where(revisions.c.id == revision_id)


class Page(NamedTuple):
    """Which page of the living names of a kind: by name, from `after` (exclusive)."""

    kind: str
    after: str
    limit: int
    prefix: str
    owners: Sequence[str] | None
    plan: str | None


def listing(page: Page, one_of: OneOf) -> Select[Any]:
    """Ask for a page."""
    name = revisions.c.name
    found = select(revisions).where(revisions.c.kind == page.kind, revisions.c.content.is_not(None))
    if page.after:
        found = found.where(name > page.after)
    if page.prefix:
        end = end_of_prefix(page.prefix)
        found = found.where(name >= page.prefix, name < end if end else true())
    if page.owners is not None:
        alone = page.owners[0] if len(page.owners) == 1 else None  # SQLite has an index for one
        owner = revisions.c.owner
        found = found.where(owner == alone if alone is not None else one_of(owner, page.owners))
    if page.plan is not None:
        found = found.where(revisions.c.plan == page.plan)
    found = found.where(is_newest(revisions, final=page.kind in FINAL))
    return found.order_by(name).limit(page.limit)


def is_text(text: str) -> bool:
    """Say whether a server can keep a text: PostgreSQL has no U+0000, UTF-8 no surrogates."""
    return "\0" not in text and not any(ord(character) in SURROGATES for character in text)


def end_of_prefix(prefix: str) -> str:
    """Return the first text behind all that begin so, in the order of bytes; empty for none."""
    kept = prefix.rstrip(chr(LAST_CHARACTER))
    if not kept:
        return ""
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(SURROGATES.stop if following in SURROGATES else following)


def history(kind: str, name: str, before: str | None, limit: int) -> Select[Any]:
    """Ask for revisions of a name, newest stamp first, from the one with that id (exclusive)."""
    found = select(revisions).where(revisions.c.kind == kind, revisions.c.name == name)
    if before is not None:
        inner = revisions.alias()
        # By its stamp, which is found apart: one that is no longer kept has nothing behind it.
        stamp = select(inner.c.stamp).where(inner.c.id == before).scalar_subquery()
        edge = tuple_(stamp, bindparam("edge", before, revisions.c.id.type))
        found = found.where(tuple_(revisions.c.stamp, revisions.c.id) < edge)
    return found.order_by(revisions.c.stamp.desc(), revisions.c.id.desc()).limit(limit)


def audit(
    before: str | None,
    first: str | None,
    limit: int,
    kinds: Collection[str] | None,
    actor: str | None,
    since_us: int,
) -> Select[Any]:
    """Ask for revisions of all names, by id, newest first; `first` is the smallest possible id."""
    found = select(revisions)
    if before is not None:
        found = found.where(revisions.c.id < before)
    if first is not None:
        found = found.where(revisions.c.id >= first, revisions.c.at_us >= since_us)
    if kinds is not None:
        found = found.where(revisions.c.kind.in_(sorted(set(kinds))))
    if actor is not None:
        found = found.where(revisions.c.actor == actor)
    return found.order_by(revisions.c.id.desc()).limit(limit)


def key() -> Select[Any]:
    """Ask for the key `:name`, with its consumer's and team's content. One row, or none."""
    inner = revisions.alias()
    one = select(inner).where(inner.c.kind == "key", inner.c.name == bindparam("name"))
    found = one.order_by(*newest(inner, final=True)).limit(1).subquery("key")
    team = newest_content("consumer", found.c.owner, "owner")
    return select(
        found.c.name,
        found.c.stamp,
        found.c.content,
        found.c.owner,
        newest_content("consumer", found.c.owner, "content").label("consumer"),
        newest_content("team", team, "content").label("team"),
    ).where(found.c.content.is_not(None))


def arrived(after: int, limit: int) -> Select[Any]:
    """Ask for what arrived after that number; the revision is NULL where it is kept no longer."""
    numbers = select(arrivals).where(arrivals.c.seq > after).order_by(arrivals.c.seq).limit(limit)
    window = numbers.subquery("window")
    joined = window.outerjoin(revisions, revisions.c.id == window.c.revision)
    return select(window.c.seq, revisions).select_from(joined).order_by(window.c.seq)


def last_arrival() -> Select[Any]:
    """Ask for the number of the last arrival, 0 before the first."""
    return select(func.coalesce(func.max(arrivals.c.seq), 0))


def has_moved(looked_at: int) -> Select[Any]:
    """Ask whether configuration has arrived since; True as well where that number never was."""
    return _has_come(looked_at, revisions.c.kind.in_(sorted(CONFIGURATION)))


def have_gone(grounds: Grounds, one_of: OneOf) -> Select[Any]:
    """Ask the same of what changes were planned upon."""
    columns = (
        (revisions.c.name, grounds.names),
        (revisions.c.owner, grounds.owners),
        (revisions.c.plan, grounds.plans),
    )
    found = []
    for column, pairs in columns:
        texts: dict[str, list[str]] = {}
        for kind, text in sorted(pairs):
            texts.setdefault(kind, []).append(text)
        found += [
            and_(revisions.c.kind == kind, one_of(column, some)) for kind, some in texts.items()
        ]
    return _has_come(grounds.arrival, or_(false(), *found))


def _has_come(since: int, wanted: ColumnElement[bool]) -> Select[Any]:
    found = (
        select(revisions.c.id)
        .join(arrivals, arrivals.c.revision == revisions.c.id)
        .where(arrivals.c.seq > since, wanted)
    )
    return select(found.exists() | (last_arrival().scalar_subquery() < since))
