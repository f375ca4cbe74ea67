"""The store's side of a replica: a keeper, begun with the first configuration of the file.

Management has one, or the only process; both tell it what the file says and what runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import structlog

from sluicegate.admin.actuator import Actuator
from sluicegate.admin.front import Front
from sluicegate.admin.hosts import Hosts
from sluicegate.errors import ConfigError, Fault, StoreAway

if TYPE_CHECKING:
    from sluicegate.admin.actuator import Info
    from sluicegate.admin.actuator import Replica as Described
    from sluicegate.admin.bridge import Bridge
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.model.consumer import FoundKey
    from sluicegate.process.archive_moving import ArchiveMoving
    from sluicegate.process.keeper import Keeper, Replica
    from sluicegate.process.ledger_side import LedgerSide
    from sluicegate.settings import Settings
    from sluicegate.snapshot.document import Resources
    from sluicegate.state.archive import Archive


class StoreSide:
    """A keeper and its life."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        replica: Replica,
        on_admin: Callable[[Bridge], None],
        ledger: LedgerSide | None = None,
    ) -> None:
        """`on_admin` takes the admin API once there is something to administer.

        `ledger` stays whose it is, and is closed before this is.
        """
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._replica = replica
        self._on_admin = on_admin
        self.archive: Archive | None = None
        """Where archived calls wait to be brought to the store. Its owner closes it."""
        self._archiving: ArchiveMoving | None = None
        self._ledger = ledger
        self._keeper: Keeper | None = None
        self._starting: Keeper | None = None
        self._bridge: Bridge | None = None
        self._source: bytes | None = None
        self._taking = asyncio.Lock()

    async def take_file(self, file: Resources, after: int = 0) -> list[Fault]:
        """Take what the file declares; returns once what is stored beside it was delivered.

        With faults there can be no store; `after` is for the first time, see `Keeper.start`.
        """
        async with self._taking:
            if self._keeper is None:
                return await self._begin(file, after)
            await self._keeper.take_file(file)
            return []

    async def _begin(self, file: Resources, after: int) -> list[Fault]:
        # What a store needs is a third of a process's memory: only where there is one.
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - see above

        from sluicegate.process.keeping import administration, open_keeper  # noqa: PLC0415 - same
        from sluicegate.store.contract import SchemaMismatch  # noqa: PLC0415 - same

        parts = (self._settings, self._clock, self._metrics)
        await self._close_failed()
        try:
            self._starting = await open_keeper(*parts, file, self._replica)
            if self._ledger is not None:
                self._starting.on_budgets = self._ledger.runs
            await self._starting.start(file, after)
        except ConfigError as error:
            return error.faults
        except SchemaMismatch as error:
            return [Fault("store.url", 0, str(error))]
        except SQLAlchemyError as error:  # rights that are missing, and the like
            said = str(getattr(error, "orig", None) or error).splitlines()[0]
            return [Fault("store", 0, f"it answers, but cannot be used: {said}")]
        self._keeper = self._starting
        self._move_archive(self._keeper)
        if self._ledger is not None:
            self._keeper.ledger = self._ledger.ledger
            self._ledger.take_store(self._keeper.store.ledger)
        if self._source is not None:
            await self._keeper.declare(self._source)
        # In a thread: it takes up to a second, in which connections would time out.
        self._bridge = await asyncio.to_thread(administration, self._keeper, *parts)
        self._on_admin(self._bridge)
        return []

    def _move_archive(self, keeper: Keeper) -> None:
        from sluicegate.process.archive_moving import ArchiveMoving  # noqa: PLC0415 - as above

        if self.archive is not None:
            parts = (keeper.store.archive, keeper.vault, self._clock, self._metrics)
            self._archiving = ArchiveMoving(self.archive, *parts)
            self._archiving.start()

    async def _close_failed(self) -> None:
        """Let go of a keeper that could not start: another one takes its place."""
        failed, self._starting = self._starting, None
        if failed is not None:
            await failed.close()

    async def declare(self, source: bytes) -> None:
        """Take the text of the file."""
        self._source = source
        if self._keeper is not None:
            await self._keeper.declare(source)

    def running(self, revision: str) -> None:
        """Take notice of what the replica runs."""
        if self._keeper is not None:
            self._keeper.running(revision)

    async def find(self, name: str) -> FoundKey | None:
        """Return whose a stored key is (a `KeySource`). Raises StoreAway."""
        if self._keeper is None:
            raise StoreAway("the store has not been read yet")
        return await self._keeper.find(name)

    def used(self, keys: Mapping[str, int]) -> None:
        """Take note of keys that were used."""
        if self._keeper is not None:
            self._keeper.used(keys)

    async def close(self) -> None:
        """Let writes end, and let go of everything."""
        if self._bridge is not None:
            await self._bridge.close()
        if self._archiving is not None:
            await self._archiving.close()
        keeper = self._keeper or self._starting
        if keeper is not None:
            try:
                await keeper.close()
            except Exception:  # noqa: BLE001 - at the end nothing is left to break
                structlog.get_logger().exception("the store was not closed cleanly")


def management_front(settings: Settings, replica: Described, info: Info) -> Front:
    """Return what the management port serves; the admin API is opened once there is a keeper."""
    listen = settings.management.listen
    actuator = Actuator(replica, info, listen)
    return Front(actuator, None, Hosts(listen), expected=settings.store.exists)
