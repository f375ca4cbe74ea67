"""What a keeper does now and then: says what runs, notes which keys were used, sweeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import structlog

from sluicegate.errors import StoreAway
from sluicegate.process.drain import unless

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.store.contract import ReplicaRow, Store

REPORT_S = 10.0
SWEEP_S = 3600.0
CLOSE_S = 1.0
"""For what is under way at the end."""
FIRST_SWEEP_S = 600.0
"""After the start, which is not to wait behind it: a sweep goes along all that is stored."""


class Chores:
    """Nobody waits for any of it, and a store that is away is tried again at the next turn."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        retention_s: float,
        describe: Callable[[], ReplicaRow],
    ) -> None:
        """`describe` says what this replica runs; superseded revisions live `retention_s`."""
        self._store = store
        self._clock = clock
        self._retention_s = retention_s
        self._describe = describe
        self._used: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        self._log = structlog.get_logger()

    def start(self) -> None:
        """Begin, in the background."""
        self._tasks += [
            asyncio.create_task(self._every(REPORT_S, self.report)),
            asyncio.create_task(self._every(REPORT_S, self.note_used)),
            asyncio.create_task(self._every(SWEEP_S, self.sweep, FIRST_SWEEP_S)),
        ]

    def once(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something in the background, where the store is not away."""
        self._tasks.append(asyncio.create_task(self._try(work)))

    async def close(self) -> None:
        """End, having noted which keys were used. A sweep, which may take minutes, is cut."""
        self._closing.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._try(self.note_used)

    def used(self, keys: Mapping[str, int]) -> None:
        """Take note of keys, with when: UTC, microseconds since 1970."""
        self._used.update(keys)

    async def report(self) -> None:
        """Say what this replica runs. Raises StoreAway."""
        await self._store.report(self._describe())

    async def note_used(self) -> None:
        """Write down which keys were used; where that fails they are kept for the next time."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._store.used(used)
        except BaseException:  # the end of this task too
            self._used = used | self._used
            raise

    async def sweep(self) -> None:
        """Delete revisions that were superseded long ago. Raises StoreAway."""
        await self._store.sweep(self._clock.wall_us() - int(self._retention_s * 1e6))

    async def _every(
        self, seconds: float, work: Callable[[], Awaitable[None]], first_s: float = 0.0
    ) -> None:
        await self._pause(first_s)
        while not self._closing.is_set():
            await self._try(work)
            await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        if seconds:
            await unless(self._closing, self._clock.sleep(seconds))

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except StoreAway:
            self._log.debug("the store is away")
        except Exception:  # noqa: BLE001 - the next turn may go better
            self._log.exception("work beside the store has failed")
