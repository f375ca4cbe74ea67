"""Writing revisions: all of a transaction's, or none.

Within the transaction the names are locked first, so that between the look at what is newest and
the commit nobody of this server adds to them. What another region adds meanwhile comes with a stamp
of its own, and the greater one wins on both sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert

from sluicegate.store import queries
from sluicegate.store.contract import ABSENT, FINAL, Change, Moved, Revision, Revoked, Stale
from sluicegate.store.stamp import COUNTER_BITS, stamp_after
from sluicegate.store.tables import revisions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from sluicegate.store.contract import Author, Grounds
    from sluicegate.store.queries import OneOf
    from sluicegate.store.uuid7 import Uuid7

LOOKED_UP_AT_ONCE: Final = 1000
"""Names of one query: what is sent and read stays small."""

NAME_BYTES: Final = 1000
"""Of names of anything, UTF-8: two of them fit into an entry of PostgreSQL's index (2704 bytes)."""

Heads = dict[tuple[str, str], Revision]
"""The newest of names, by kind and name."""


async def look(connection: AsyncConnection, changes: Sequence[Change], one_of: OneOf) -> Heads:
    """Return the newest of every name that is changed, where there is one."""
    names: dict[str, dict[str, None]] = {}
    for change in changes:
        names.setdefault(change.kind, {})[change.name] = None
    found: Heads = {}
    for kind, wanted in names.items():
        ordered = list(wanted)
        for start in range(0, len(ordered), LOOKED_UP_AT_ONCE):
            chunk = ordered[start : start + LOOKED_UP_AT_ONCE]
            for row in await connection.execute(queries.heads(kind, chunk, one_of)):
                found[kind, row.name] = queries.revision_of(row)
    return found


async def refuse_if_moved(
    connection: AsyncConnection, looked_at: int | None, grounds: Grounds | None, one_of: OneOf
) -> None:
    """Raise Moved where configuration, or what the changes were planned upon, has come since."""
    asked = [] if looked_at is None else [queries.has_moved(looked_at)]
    if grounds is not None:
        asked.append(queries.have_gone(grounds, one_of))
    for statement in asked:
        if (await connection.execute(statement)).scalar_one():
            raise Moved("what a change rests on has changed since it was looked at")


def refuse_unkept(changes: Sequence[Change], author: Author) -> None:
    """Raise ValueError for what a server could not keep, or could not find again."""
    if not all(map(queries.is_text, (author.actor, author.via, author.action))):
        raise ValueError("an author holds what is no character")
    for change in changes:
        for text in (change.kind, change.name, change.owner or "", change.plan or ""):
            if not queries.is_text(text):
                raise ValueError("a name holds what is no character")
            if len(text.encode()) > NAME_BYTES:
                raise ValueError(f"a name is longer than {NAME_BYTES} bytes")


def refuse(change: Change, newest: Revision | None) -> None:
    """Raise Revoked or Stale where a change may not follow what is newest."""
    gone = newest is None or newest.content is None
    if newest is not None and gone and change.kind in FINAL:
        raise Revoked(f"{change.kind} {change.name} is revoked, which is final")
    if change.expected == ABSENT:
        as_expected = gone
    else:
        as_expected = change.expected is None or (
            newest is not None and newest.id == change.expected
        )
    if not as_expected:
        raise Stale(change, newest)


def make_revisions(
    changes: Sequence[Change],
    heads: Mapping[tuple[str, str], Revision],
    author: Author,
    *,
    region: str,
    ids: Uuid7,
    wall_us: int,
) -> list[Revision]:
    """Return the revisions that the changes become, in their order.

    Of two changes of one name the second one follows the first. Raises Stale, Revoked, ClockBehind;
    not the last for a revocation, which must not wait for a clock.
    """
    known = dict(heads)
    made: list[Revision] = []
    for change in changes:
        newest = known.get((change.kind, change.name))
        refuse(change, newest)
        living = change.content is not None
        before = 0 if newest is None else newest.stamp
        if change.kind in FINAL and not living:
            before = min(before, wall_us // 1000 << COUNTER_BITS)  # it wins whatever its stamp is
        revision = Revision(
            id=ids.make(wall_us),
            kind=change.kind,
            name=change.name,
            stamp=stamp_after(before, wall_us),
            region=region,
            content=change.content,
            owner=change.owner if living else None,
            plan=change.plan if living else None,
            actor=author.actor,
            via=author.via,
            action=author.action,
            at_us=wall_us,
        )
        known[change.kind, change.name] = revision
        made.append(revision)
    return made


async def add(connection: AsyncConnection, made: Sequence[Revision]) -> None:
    """Insert revisions; a trigger numbers their arrivals, in their order."""
    if made:
        await connection.execute(insert(revisions), [row_of(revision) for revision in made])


def row_of(revision: Revision) -> dict[str, Any]:
    """Return a revision as a row of `revisions`."""
    row = {column.name: getattr(revision, column.name) for column in revisions.columns}
    if revision.content is not None:
        row["content"] = revision.content.decode()
    return row
