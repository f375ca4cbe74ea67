"""What can be done to one resource, as plans: each method looks anew at what is there.

Every one of them refuses what the caller may not see (404), what the file declares (409) and what
is not as the caller wants it (412, 428), before it says what is to be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.admin import in_use, rights, specs
from sluicegate.admin.changes import Planned, columns
from sluicegate.admin.in_use import refuse_if_used
from sluicegate.admin.merge_patch import merged
from sluicegate.admin.preconditions import Precondition
from sluicegate.admin.problems import invalid, missing
from sluicegate.admin.reach import Reach
from sluicegate.admin.reading import Reading
from sluicegate.admin.representation import HIDDEN, SECTIONS, spec_of
from sluicegate.errors import CONFLICT, PRECONDITION_REQUIRED, STALE, Refused
from sluicegate.store.contract import FINAL

if TYPE_CHECKING:
    from sluicegate.admin.control import Control
    from sluicegate.admin.identity import Who
    from sluicegate.store.contract import Revision, Store

KEPT: Final = "consumer"
"""The field of a key that can be seen and stays as it is."""
ANYTHING: Final = Precondition()


class Edits:
    """Plans for one caller. All methods raise Refused, Invalid and StoreAway."""

    def __init__(self, control: Control, who: Who) -> None:
        """Plan for `who`, who was found to be allowed to write."""
        self.reach = Reach(control, who)
        self._control = control
        self._who = who

    async def create(self, kind: str, name: str, spec: object) -> list[Planned]:
        """Plan a resource that is not there yet; `spec` is JSON (bytes), or what it stands for."""
        specs.check_name(kind, name)
        newest = await self.there(kind, name, ANYTHING)
        if newest is not None:
            raise Refused(CONFLICT, f"there is a {kind} {name} already")
        return [
            await self._planned(kind, name, None, specs.canonical(self._control, kind, name, spec))
        ]

    async def put(self, kind: str, name: str, spec: object, wanted: Precondition) -> list[Planned]:
        """Plan a resource, whether there is one or not."""
        specs.check_name(kind, name)
        newest = await self.there(kind, name, wanted)
        return [
            await self._planned(
                kind, name, newest, specs.canonical(self._control, kind, name, spec)
            )
        ]

    async def patch(
        self, kind: str, name: str, patch: bytes, wanted: Precondition
    ) -> list[Planned]:
        """Plan a merge patch (RFC 7396) of what is there; `patch` is JSON."""
        if not wanted.given:
            detail = "a patch is made to what was read: expected `If-Match` with its `ETag`"
            raise Refused(PRECONDITION_REQUIRED, detail)
        newest = await self.found(kind, name, wanted)
        after = merged(spec_of(kind, newest.content), specs.plain(patch))
        if kind == "key":
            after = _still_a_key(name, newest, after)
        return [
            await self._planned(
                kind, name, newest, specs.canonical(self._control, kind, name, after)
            )
        ]

    async def rollback(
        self, kind: str, name: str, revision_id: str, wanted: Precondition
    ) -> list[Planned]:
        """Plan what was there at a revision. One that deleted is refused (422)."""
        newest = await self.there(kind, name, wanted)
        revision = await Reading(self._control, self._who).revision(kind, name, revision_id)
        if revision.content is None:
            raise invalid("revision", "this revision deleted it; expected one with content")
        return [await self._planned(kind, name, newest, revision.content)]

    async def delete(self, kind: str, name: str, wanted: Precondition) -> list[Planned]:
        """Plan that it is gone; a consumer's keys go with it, for good."""
        newest = await self.found(kind, name, wanted, hidden=True)
        planned = [Planned(kind, name, newest, None)]
        if name in self._control.declared(kind):
            return planned  # whoever names it means the file's
        if kind == "consumer":
            planned += [key async for key in keys_of(self._control.store, name)]
        changing = {(p.kind, p.name): p.content for p in planned}
        await refuse_if_used(self._control.store, kind, name, changing)
        return planned

    async def found(
        self, kind: str, name: str, wanted: Precondition, *, hidden: bool = False
    ) -> Revision:
        """Return what is there; Refused (404) where there is nothing. See `there`."""
        newest = await self.there(kind, name, wanted, hidden=hidden)
        if newest is None:
            raise missing(kind, name)
        return newest

    async def there(
        self, kind: str, name: str, wanted: Precondition, *, hidden: bool = False
    ) -> Revision | None:
        """Return the living stored revision, where it is one that may be changed.

        With `hidden` also one that the file's hides.
        """
        head = await self._control.store.head(kind, name)
        newest = head if head is not None and head.content is not None else None
        final = newest is not None or kind in FINAL  # the name of what is gone is free for all
        if head is not None and final and not await self.reach.sees_head(head):
            raise missing(kind, name)
        if name in self._control.declared(kind) and not (hidden and newest is not None):
            if not self.reach.declares(kind, name):
                raise missing(kind, name)
            raise Refused(CONFLICT, f"the configuration file declares {_written(kind, name)}")
        if not wanted.holds(None if newest is None else newest.id):
            raise Refused(STALE)
        if newest is None and head is not None and kind in FINAL:
            raise Refused(CONFLICT, f"the {kind} {name} was revoked, and that is final")
        return newest

    async def _planned(
        self, kind: str, name: str, newest: Revision | None, content: bytes
    ) -> Planned:
        owner, _ = columns(kind, content)
        if kind == "consumer" and not self._who.sees(owner):
            message = f"expected `{self._who.team}`: the token is good for that team only"
            raise invalid(f"consumers.{name}.team", message)
        if kind == "key" and owner is not None:
            await self.refuse_stranger(name, owner)
        self.refuse_more(kind, newest, content)
        return Planned(kind, name, newest, content)

    def refuse_more(self, kind: str, newest: Revision | None, content: bytes) -> None:
        """Raise Refused (403) where a token of a team would give its team more than it has."""
        if self._who.team is not None:
            rights.refuse_more(kind, None if newest is None else newest.content, content)

    async def refuse_stranger(self, key: str, consumer: str) -> None:
        """Raise Invalid where a key's consumer is not there, or not for the caller to see."""
        try:
            await self.reach.consumer(consumer)
        except Refused:
            path = f"keys.{key}.consumer" if key else "consumer"
            raise invalid(path, f"there is no consumer `{consumer}`") from None


async def keys_of(store: Store, consumer: str) -> AsyncIterator[Planned]:
    """Yield plans that revoke a consumer's keys."""
    async for revision in in_use.every(store, "key", owners=[consumer]):
        yield Planned("key", revision.name, revision, None)


def _still_a_key(name: str, newest: Revision, after: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Give a patched key its hash back; refuse (422) where its holder was to change it."""
    before = msgspec.json.decode(newest.content or b"{}")
    if not isinstance(after, dict):
        raise invalid(f"keys.{name}", "expected a mapping")
    for field in (KEPT, *HIDDEN):
        if field in after if field in HIDDEN else after.get(field) != before.get(field):
            raise invalid(f"keys.{name}.{field}", f"the {field} of a key stays as it is")
    kept = {field: before[field] for field in HIDDEN if field in before}
    return {**after, **kept}


def _written(kind: str, name: str) -> str:
    section = SECTIONS[kind]
    return f"`{section}.{name}`" if name else f"`{section}`"
