"""Looking at what there is: in the store and in the file, now and before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sluicegate.admin.differences import differences
from sluicegate.admin.problems import missing
from sluicegate.admin.reach import Reach, team_in
from sluicegate.admin.representation import (
    Diff,
    History,
    Page,
    Representation,
    Source,
    declared,
    past,
    spec_of,
    stored,
)

if TYPE_CHECKING:
    from sluicegate.admin.control import Control
    from sluicegate.admin.identity import Who
    from sluicegate.store.contract import Revision


class Wanted(NamedTuple):
    """What a list is asked for. `owner` is a consumer's team or a key's consumer."""

    limit: int = 100
    after: str = ""
    prefix: str = ""
    source: Source | None = None
    owner: str | None = None
    plan: str | None = None


class Reading:
    """Answers for one caller. All methods raise StoreAway."""

    def __init__(self, control: Control, who: Who) -> None:
        """Look on behalf of `who`, who was found to be allowed to read."""
        self._control = control
        self._reach = Reach(control, who)

    async def one(self, kind: str, name: str) -> Representation:
        """Return a resource as it is used: the file's before the stored one. Raises Refused."""
        held = self._control.declared(kind)
        if name in held:
            if not self._reach.declares(kind, name):
                raise missing(kind, name)
            return declared(kind, name, held[name])
        revision = await self._reach.living(kind, name)
        if revision is None:
            raise missing(kind, name)
        return stored(revision, left_out=self._control.left_out(kind, name))

    async def page(self, kind: str, wanted: Wanted) -> Page:
        """Return the next part of a list, in order of names (by code point).

        A page may hold less than `limit` where there is more: `next` says whether there is.
        """
        found: dict[str, Representation] = {}
        horizon = None
        if wanted.source != "file":
            rows = await self._rows(kind, wanted)
            if len(rows) > wanted.limit:
                horizon = rows[-1].name
            held = self._control.declared(kind)
            for row in rows:
                if row.name not in held or wanted.source == "store":
                    left_out = self._control.left_out(kind, row.name)
                    found[row.name] = stored(row, shadowed=row.name in held, left_out=left_out)
        if wanted.source != "store":
            found |= self._declared(kind, wanted)
        names = sorted(name for name in found if horizon is None or name <= horizon)
        shown = names[: wanted.limit]
        if len(names) > wanted.limit:
            horizon = shown[-1]
        return Page([found[name] for name in shown], horizon)

    async def history(self, kind: str, name: str, limit: int, before: str) -> History:
        """Return revisions, newest first. Raises Refused (404) where there never was one."""
        head = await self._reach.newest(kind, name)
        if head is None:
            raise missing(kind, name)
        if before and not is_id(before):
            raise missing("revision", before)
        rows = await self._control.store.history(kind, name, before=before, limit=limit + 1)
        # What was another team's before stays theirs.
        shown = [
            row for row in rows[:limit] if row.id == head.id or await self._reach.sees_revision(row)
        ]
        more = rows[limit - 1].id if len(rows) > limit else None
        return History([past(row) for row in shown], more)

    async def diff(self, kind: str, name: str, older: str, newer: str | None) -> Diff:
        """Return what differs between two revisions; without `newer`, up to what is there now."""
        before = await self.revision(kind, name, older)
        if newer is None:
            after = await self._reach.newest(kind, name)
            if after is None:
                raise missing(kind, name)
        else:
            after = await self.revision(kind, name, newer)
        diff = differences(spec_of(kind, before.content), spec_of(kind, after.content))
        return Diff(before.id, after.id, diff)

    async def revision(self, kind: str, name: str, revision_id: str) -> Revision:
        """Return a revision of a resource. Raises Refused (404)."""
        found = None
        if is_id(revision_id):
            found = await self._control.store.revision(revision_id)
        if found is None or (found.kind, found.name) != (kind, name):
            raise missing("revision", revision_id)
        if not await self._reach.sees_revision(found):
            raise missing("revision", revision_id)
        return found

    async def _rows(self, kind: str, wanted: Wanted) -> list[Revision]:
        owners = await self._reach.owners(kind, wanted.owner)
        if owners is not None and not owners:
            return []
        return await self._control.store.listing(
            kind,
            after=wanted.after,
            limit=wanted.limit + 1,
            prefix=wanted.prefix,
            owners=owners,
            plan=wanted.plan,
        )

    def _declared(self, kind: str, wanted: Wanted) -> dict[str, Representation]:
        def fits(name: str, spec: Any) -> bool:  # noqa: ANN401 - any JSON
            if name <= wanted.after and wanted.after:
                return False
            plan = spec.get("plan") if isinstance(spec, dict) else None
            return (
                name.startswith(wanted.prefix)
                and (wanted.owner is None or team_in(kind, spec) == wanted.owner)
                and (wanted.plan is None or plan == wanted.plan)
                and self._reach.declares(kind, name)
            )

        held = self._control.declared(kind)
        return {name: declared(kind, name, spec) for name, spec in held.items() if fits(name, spec)}


def is_id(text: str) -> bool:
    """Say whether a text can be the id of a revision."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
