"""Brings archived calls from the state to the store, sealed, and deletes those that are old.

Every replica does it; a line that two have read is kept once, by its id. While the store is away,
or there is no master key to seal with, lines wait in the state, as many as have room there.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from sluicegate.errors import StateAway, StoreAway
from sluicegate.model.archive import ArchivedCall
from sluicegate.process.drain import unless
from sluicegate.store.archive import ArchiveRow, sealed_as
from sluicegate.store.vault import NotOpened

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.state.archive import Archive
    from sluicegate.store.archive import ArchiveStore
    from sluicegate.store.vault import Vault

INTERVAL_S: Final = 1.0
BATCH: Final = 50
EXPIRE_S: Final = 600.0
LAST_S: Final = 2.0
"""For what waits at the end of a process that has the state in itself."""
READ: Final = msgspec.msgpack.Decoder(ArchivedCall)


class ArchiveMoving:
    """Moves, in the background."""

    def __init__(
        self, archive: Archive, store: ArchiveStore, vault: Vault, clock: Clock, metrics: Metrics
    ) -> None:
        """Nothing is asked before `start`."""
        self._archive = archive
        self._store = store
        self._vault = vault
        self._clock = clock
        self._log = structlog.get_logger()
        self._moved = metrics.family(
            "sluicegate_archive_moved_total", "counter", "Archived calls brought to the store."
        ).cell()
        self._broken = metrics.family(
            "sluicegate_archive_broken_total",
            "counter",
            "Lines of the archive in the state that nobody can read, dropped.",
        ).cell()
        self._expired = metrics.family(
            "sluicegate_archive_expired_total",
            "counter",
            "Archived calls deleted because their retention was over.",
        ).cell()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._expires_at = 0.0
        self._told = ""

    def start(self) -> None:
        """Begin, in the background."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End, and bring over what waits, as far as that takes no longer than LAST_S."""
        self._closing.set()
        if self._task is not None:
            _, late = await asyncio.wait({self._task}, timeout=LAST_S)
            for task in late:
                task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def move(self) -> int:
        """Move a batch; returns how many lines were taken away. Raises as store and state do."""
        lines = await self._archive.read(BATCH)
        if not lines:
            return 0
        rows = []
        for name, line in lines:
            try:
                call = READ.decode(line)
            except msgspec.MsgspecError:
                self._broken.value += 1
                self._log.error("a line of the archive cannot be read", line=name)
                continue
            rows.append(await sealed(self._vault, call))
        await self._store.add(rows)
        await self._archive.remove([name for name, _ in lines])
        self._moved.value += len(rows)
        return len(lines)

    async def expire(self) -> None:
        """Delete what is too old. Raises StoreAway."""
        self._expired.value += await self._store.expire(self._clock.wall_us())

    async def _run(self) -> None:
        while not self._closing.is_set():
            await self._turn()
            await unless(self._closing, self._clock.sleep(INTERVAL_S))
        await self._turn()

    async def _turn(self) -> None:
        try:
            while await self.move() == BATCH:
                pass
            now = self._clock.monotonic()
            if now >= self._expires_at:
                await self.expire()
                self._expires_at = now + EXPIRE_S
            self._tell("")
        except (StoreAway, StateAway, NotOpened) as error:
            self._tell(type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the next turn may go better; it may quote a line
            self._tell(type(error).__name__)

    def _tell(self, trouble: str) -> None:
        """Log what is in the way, once, and when it is not any more."""
        if trouble != self._told:
            self._told = trouble
            if trouble:
                self._log.warning("archived calls wait in the state", reason=trouble)
            else:
                self._log.info("archived calls are brought to the store again")


async def sealed(vault: Vault, call: ArchivedCall) -> ArchiveRow:
    """Encrypt a call for the store. Raises MasterKeyMissing, StoreAway."""
    text = msgspec.json.encode(msgspec.structs.asdict(call)).decode()
    return ArchiveRow(
        id=call.id,
        at_us=call.at_us,
        until_us=call.until_us,
        consumer=call.consumer,
        team=call.team,
        route=call.route,
        model=call.model,
        status=call.status,
        request_id=call.request_id,
        request_bytes=call.request_bytes,
        answer_bytes=call.answer_bytes,
        redacted=call.redacted,
        sealed=msgspec.json.encode(await vault.encrypt(sealed_as(call.id), text)).decode(),
    )
