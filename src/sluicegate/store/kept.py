"""What the state and the disk keep of the store, signed, for the time when the store is away.

    snapshot:<region>   the configuration, for replicas that start then; also on disk
    key:<name>          a key that was found lately, with whose it is; or that it is revoked
    consumer:<name>     since which arrival records of that consumer's keys are out of date
    team:<name>         the same, of the team's consumers

Versions are arrival numbers of the region's store. A key's record says up to which arrival the
store had been read when the key was looked up, so whatever arrived later can outdate it; a
revocation beats every version. Under a key's name a look-up and a change of the same arrival can
meet: there versions are twice as large, and the look-up, which has seen the change, is one above.
Records expire a day after their look-up whatever the state does.

Keeping is a side channel: it never raises, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

from sluicegate.errors import StateAway
from sluicegate.store.kept_record import Record, RecordForm
from sluicegate.store.kept_snapshot import KeptSnapshot, SnapshotFile, pack, unpack
from sluicegate.store.outbox import Outbox, Wish

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sluicegate.clock import Clock, Timer
    from sluicegate.metrics import Metrics
    from sluicegate.model.consumer import FoundKey
    from sluicegate.state.shelf import Shelf
    from sluicegate.store.contract import DataKey, Revision
    from sluicegate.store.seal import Seal

DAY_S: Final = 86_400
BEYOND_S: Final = 3600
"""How much longer than every record that it is about a mark is kept."""
DEBOUNCE_S: Final = 1.0
REFRESH_S: Final = DAY_S / 4
"""How often the snapshot is put again, so that it lives as long as a replica does."""
CLOSE_S: Final = 2.0
REVOKED: Final = 2**63 - 1
"""The version of a revocation."""


class Gone(Enum):
    """What is said of a key that was revoked."""

    GONE = "gone"


GONE: Final = Gone.GONE


class Kept:
    """Keeps and finds. Without a shelf keys are kept nowhere; without a folder nothing on disk."""

    def __init__(
        self, shelf: Shelf | None, folder: Path | None, seal: Seal, clock: Clock, metrics: Metrics
    ) -> None:
        """Keep in `shelf` and `folder`. `seal` may be replaced when the peppers change."""
        self.seal = seal
        self._shelf = shelf
        self._outbox = Outbox(shelf, clock, metrics) if shelf is not None else None
        self._file = SnapshotFile(folder, metrics) if folder is not None else None
        self._form = RecordForm()
        self._clock = clock
        self._wanted: KeptSnapshot | None = None
        self._last: KeptSnapshot | None = None
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def close(self) -> None:
        """Write what waits, within a few seconds."""
        self._closing = True
        self._stop_timer()
        if self._task is not None:
            await self._task
        if self._wanted is not None:
            await self._keep()
        if self._outbox is not None:
            await self._outbox.close(CLOSE_S)

    # --- the configuration --------------------------------------------------------------------

    def keep_snapshot(
        self,
        region: str,
        arrival: int,
        revisions: Sequence[Revision],
        data_keys: Sequence[DataKey] = (),
    ) -> None:
        """Keep the newest revisions of the configuration's kinds, and the keys to its secrets.

        A second from now, and only where they differ from what was kept last.
        """
        self._wanted = KeptSnapshot(region, arrival, list(revisions), list(data_keys))
        if self._last is not None and self._last.same_as(self._wanted):
            self._wanted = None
        elif self._task is None:
            self._after(DEBOUNCE_S)

    async def snapshot(self, region: str) -> KeptSnapshot | None:
        """Return the newest that is kept in the state or on disk.

        Raises StateAway where the state cannot be asked and the disk has none.
        """
        name = _snapshot_name(region)
        away: StateAway | None = None
        found: list[KeptSnapshot] = []
        try:
            payload = await self._payload(name)
            if payload is not None:
                found += await asyncio.to_thread(unpack, payload)
        except StateAway as error:
            away = error
        if self._file is not None:
            found += await asyncio.to_thread(
                self._file.read, name, self.seal, self._clock.wall_us()
            )
        if not found and away is not None:
            raise away
        return max(found, key=lambda each: each.arrival, default=None)

    def _after(self, delay_s: float) -> None:
        self._stop_timer()
        if not self._closing:
            self._timer = self._clock.after(delay_s, self._begin)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        """Write what is wanted; where nothing is, only renew what the state has."""
        wanted, self._wanted = self._wanted, None
        snapshot = wanted or self._last
        try:
            if snapshot is not None and self.seal.usable:
                await self._write(snapshot, to_disk=wanted is not None)
        finally:
            self._task = None
            self._after(DEBOUNCE_S if self._wanted is not None else REFRESH_S)

    async def _write(self, snapshot: KeptSnapshot, *, to_disk: bool) -> None:
        """Write it, in a thread: it may be megabytes."""
        self._last = snapshot
        payload = await asyncio.to_thread(pack, snapshot)
        name = _snapshot_name(snapshot.region)
        if to_disk and self._file is not None:
            await asyncio.to_thread(self._file.write, name, payload, self.seal)
        if self._outbox is not None:
            sealed = await asyncio.to_thread(self._sealed, name, payload, DAY_S)
            self._outbox.add(name, Wish("snapshot", sealed, snapshot.arrival, DAY_S))

    # --- keys ---------------------------------------------------------------------------------

    def keep_key(self, found: FoundKey, arrival: int) -> None:
        """Keep a key that was looked up when the store had been read up to `arrival`."""
        payload = self._form.write(Record(arrival, found))
        self._add(_key_name(found.name), "key", payload, 2 * arrival + 1)

    def outdate_key(self, name: str, arrival: int) -> None:
        """Use no record any more of a changed key that was looked up before this arrival."""
        self._add(_key_name(name), "mark", self._form.write(Record(arrival)), 2 * arrival)

    def revoke_key(self, name: str) -> None:
        """Keep that a key is revoked, finally, for longer than any record of it."""
        self._mark(_key_name(name), REVOKED)

    def outdate_consumer(self, name: str, arrival: int) -> None:
        """Use no record any more that was looked up before this arrival, of a consumer's keys."""
        self._mark(_consumer_name(name), arrival)

    def outdate_team(self, name: str, arrival: int) -> None:
        """Use none that was looked up before it, of a team's consumers' keys."""
        self._mark(_team_name(name), arrival)

    async def key(self, name: str) -> FoundKey | Literal[Gone.GONE] | None:
        """Return a kept key; GONE where it is revoked, None where nothing certain is known.

        Raises StateAway.
        """
        record = await self._record(_key_name(name))
        if record is None:
            return None
        found = record.found
        if found is None:
            return GONE if record.version == REVOKED else None
        marks = [_consumer_name(found.consumer_name)]
        if found.consumer.team is not None:
            marks.append(_team_name(found.consumer.team))
        for mark in await asyncio.gather(*[self._record(each) for each in marks]):
            if mark is not None and mark.version > record.version:
                return None
        return found

    def _mark(self, name: str, version: int) -> None:
        self._add(name, "mark", self._form.write(Record(version)), version)

    async def _record(self, name: str) -> Record | None:
        payload = await self._payload(name)
        return None if payload is None else self._form.read(payload)

    # --- both ---------------------------------------------------------------------------------

    def _add(self, name: str, what: str, payload: bytes, version: int) -> None:
        if self._outbox is not None and self.seal.usable:
            life_s = DAY_S + BEYOND_S if what == "mark" else DAY_S
            sealed = self._sealed(name, payload, life_s)
            self._outbox.add(name, Wish(what, sealed, version, life_s), urgent=what == "mark")

    def _sealed(self, name: str, payload: bytes, life_s: int) -> bytes:
        """Seal. Expiry counts from now, not from when the state takes it: none outlives marks."""
        return self.seal.seal(name, payload, self._clock.wall_us() + life_s * 1_000_000)

    async def _payload(self, name: str) -> bytes | None:
        if self._shelf is None or self._outbox is None:
            return None
        waiting = self._outbox.waiting(name)
        sealed = waiting.sealed if waiting is not None else await self._shelf.get(name)
        return None if sealed is None else self.seal.open(name, sealed, self._clock.wall_us())


def _snapshot_name(region: str) -> str:
    return f"snapshot:{region}"


def _key_name(name: str) -> str:
    return f"key:{name}"


def _consumer_name(name: str) -> str:
    return f"consumer:{name}"


def _team_name(name: str) -> str:
    return f"team:{name}"
