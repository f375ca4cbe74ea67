"""Whose a stored key is: asked of the store, and of the state while the store is away."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, TypeVar

import msgspec
import structlog

from sluicegate.errors import StateAway, StoreAway
from sluicegate.model import units
from sluicegate.model.consumer import Consumer, FoundKey, Key
from sluicegate.model.team import Team
from sluicegate.snapshot.looked_up import StoredKey
from sluicegate.store.kept import Gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.store.contract import KeyRow, Store
    from sluicegate.store.kept import Kept

T = TypeVar("T")
PAGE = 1000
PATIENCE_S = 0.9
"""For the store, and then for the state: workers wait for both, and for no more than 2 s."""


class Lookup:
    """Answers for all workers of a replica. Each name is asked for once at a time."""

    def __init__(
        self,
        store: Store,
        kept: Kept,
        declared: Callable[[str], Consumer | None],
        team: Callable[[str], Team | None],
        arrival: Callable[[], int],
    ) -> None:
        """Ask `store`; `declared` gives consumers of the file, which win over stored ones.

        `team` gives teams as they run; `arrival` is up to where arrivals have been read.
        """
        self._team = team
        self._arrival = arrival
        self._store = store
        self._kept = kept
        self._declared = declared
        self._asked: dict[str, asyncio.Task[FoundKey | None]] = {}
        self._log = structlog.get_logger()

    async def find(self, name: str) -> FoundKey | None:
        """Return whose key this is, None for nobody's. Raises StoreAway where nobody can say."""
        task = self._asked.get(name)
        if task is None:
            task = self._asked[name] = asyncio.create_task(self._find(name))
            task.add_done_callback(functools.partial(self._answered, name))
        return await asyncio.shield(task)

    def forget(self, name: str) -> None:
        """Let who asks from now on ask anew: an answer under way may be outdated."""
        self._asked.pop(name, None)

    def forget_all(self) -> None:
        """Let everyone ask anew."""
        self._asked.clear()

    def _answered(self, name: str, task: asyncio.Task[FoundKey | None]) -> None:
        if self._asked.get(name) is task:
            del self._asked[name]
        if not task.cancelled():
            task.exception()  # whoever asked has it; nobody may be left to ask

    async def _find(self, name: str) -> FoundKey | None:
        arrival = self._arrival()  # from before the look-up: it may see later ones or not
        try:
            async with asyncio.timeout(PATIENCE_S):
                row = await self._store.key(name)
        except (StoreAway, TimeoutError):
            try:
                async with asyncio.timeout(PATIENCE_S):
                    found = await self._kept.key(name)
            except (StateAway, TimeoutError):
                found = None
            if found is None:
                raise StoreAway("neither the store nor the state can say") from None
            return None if isinstance(found, Gone) else self._as_it_runs(found)
        found = None if row is None else self._read(row)
        if row is not None and found is not None:
            self._kept.keep_key(found, arrival)
        return found

    def _as_it_runs(self, found: FoundKey) -> FoundKey:
        """Return what was kept with what has become of its consumer and team in the file."""
        consumer = self._declared(found.consumer_name) or found.consumer
        team = None if consumer.team is None else self._team(consumer.team) or found.team
        return FoundKey(found.name, found.key, found.consumer_name, consumer, team)

    def _read(self, row: KeyRow) -> FoundKey | None:
        try:
            stored = _decode(row.key, StoredKey)
            key = Key(**{name: getattr(stored, name) for name in Key.__struct_fields__})
            consumer = self._declared(row.consumer_name)
            if consumer is None and row.consumer is not None:
                consumer = _decode(row.consumer, Consumer)
            team = None
            if consumer is not None and consumer.team is not None:
                team = self._team(consumer.team)
                if team is None and row.team is not None:
                    # One that does not fit: without it the key would be without its plan's limits.
                    team = _decode(row.team, Team)
        except msgspec.MsgspecError:
            # A newer version has written it. It must not pass as something that it is not.
            self._log.error("a stored key cannot be read", key=row.name)
            return None
        if consumer is None:
            return None
        return FoundKey(row.name, key, row.consumer_name, consumer, team)


async def mark_revoked(store: Store, kept: Kept, since_us: int) -> None:
    """Repeat what the state may have missed of revocations since then. Raises StoreAway."""
    before = ""
    while True:
        page = await store.audit(before=before, limit=PAGE, kinds=["key"], since_us=since_us)
        for revision in page:
            if revision.content is None:
                kept.revoke_key(revision.name)
        if len(page) < PAGE:
            return
        before = page[-1].id


def _decode(raw: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(raw, type=kind, dec_hook=units.decode_hook)
