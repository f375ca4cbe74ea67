"""What exists for a caller: everything, or with the token of a team that team's own.

A key belongs to the team of its consumer. A consumer of the file hides a stored one of its name.
Where a consumer is deleted its name is free for another team, and its keys, revoked, are nobody's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sluicegate.admin.in_use import every
from sluicegate.admin.problems import missing

if TYPE_CHECKING:
    from sluicegate.admin.control import Control
    from sluicegate.admin.identity import Who
    from sluicegate.store.contract import Revision


BEFORE: Final = 10
"""Revisions before a tombstone that are looked at; others are tombstones of other regions."""
ROWS: Final = 100
"""Revisions of a consumer that are read at a time."""


class Reach:
    """Asks what a caller may see. All methods raise StoreAway."""

    def __init__(self, control: Control, who: Who) -> None:
        """Ask for `who`."""
        self._control = control
        self._who = who
        self._anew: dict[str, str] = {}

    async def sees(self, kind: str, owner: str | None) -> bool:
        """Say whether what `owner` owns (a consumer's team, a key's consumer) is the caller's."""
        if self._who.team is None:
            return True
        if kind == "key":
            return owner is not None and self._who.sees(await self._team_of(owner))
        return self._who.sees(owner)

    async def newest(self, kind: str, name: str) -> Revision | None:
        """Return the newest revision, a tombstone too, where it is one that the caller sees."""
        head = await self._control.store.head(kind, name)
        return head if head is not None and await self.sees_head(head) else None

    async def sees_head(self, head: Revision) -> bool:
        """Say whether what is there is the caller's; of what is gone, whether it was."""
        if head.content is None:
            return await self.sees_revision(head)
        return await self.sees(head.kind, head.owner)

    async def sees_revision(self, revision: Revision) -> bool:
        """Say whether a revision is the caller's; a tombstone is whose it was before that.

        Of a key it is not where the consumer was deleted since, and is another one now.
        """
        if self._who.team is None:
            return True
        lived: Revision | None = revision
        if revision.content is None:
            past = await self._control.store.history(
                revision.kind, revision.name, before=revision.id, limit=BEFORE
            )
            lived = next((each for each in past if each.content is not None), None)
        if lived is None or not await self.sees(lived.kind, lived.owner):
            return False
        return lived.kind != "key" or lived.id > await self._made_anew(lived.owner or "")

    async def living(self, kind: str, name: str) -> Revision | None:
        """Return the newest revision where it is no tombstone, and one that the caller sees."""
        head = await self.newest(kind, name)
        return head if head is not None and head.content is not None else None

    def declares(self, kind: str, name: str) -> bool:
        """Say whether the file has it, and the caller sees it there."""
        held = self._control.declared(kind)
        return name in held and self._who.sees(team_in(kind, held[name]))

    async def consumer(self, name: str) -> None:
        """Raise Refused (404) where there is no such consumer."""
        if self.declares("consumer", name):
            return
        hidden = name in self._control.declared("consumer")
        if hidden or await self.living("consumer", name) is None:
            raise missing("consumer", name)

    async def owners(self, kind: str, wanted: str | None) -> list[str] | None:
        """Return whose consumers or keys a listing may show; None for all, also those of nobody."""
        if kind != "key":
            if wanted is None:
                return self._who.teams
            return [wanted] if self._who.sees(wanted) else []
        if wanted is not None:
            return [wanted] if await self.sees("key", wanted) else []
        return None if self._who.team is None else await self._consumers(self._who.team)

    async def _made_anew(self, consumer: str) -> str:
        """Return the id of the revision by which a deleted consumer came back; empty for none."""
        if consumer not in self._anew:
            self._anew[consumer] = await self._came_back(consumer)
        return self._anew[consumer]

    async def _came_back(self, consumer: str) -> str:
        first = before = ""
        while True:
            past = await self._control.store.history(
                "consumer", consumer, before=before, limit=ROWS
            )
            for each in past:
                if each.content is None:
                    return first or each.id  # the latter where the file declares it now
                first = each.id
            if len(past) < ROWS:
                return ""
            before = past[-1].id

    async def _team_of(self, consumer: str) -> str | None:
        held = self._control.declared("consumer")
        if consumer in held:
            return team_in("consumer", held[consumer])
        head = await self._control.store.head("consumer", consumer)
        return None if head is None else head.owner

    async def _consumers(self, team: str) -> list[str]:
        held = self._control.declared("consumer")
        names = [name for name, spec in held.items() if team_in("consumer", spec) == team]
        stored = every(self._control.store, "consumer", owners=[team])
        return names + [revision.name async for revision in stored if revision.name not in held]


def team_in(kind: str, spec: Any) -> str | None:  # noqa: ANN401 - any JSON
    """Return the team that a consumer as it is written belongs to; None for everything else."""
    if kind != "consumer" or not isinstance(spec, dict):
        return None
    team = spec.get("team")
    return team if isinstance(team, str) else None
