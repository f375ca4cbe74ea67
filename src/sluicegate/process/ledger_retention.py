"""What the store's part of the ledger needs now and then: partitions to come, and expiry."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from sluicegate.errors import StoreAway
from sluicegate.process.drain import unless

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sluicegate.clock import Clock
    from sluicegate.store.ledger import LedgerStore

PREPARE_S: Final = 3600.0
EXPIRE_S: Final = 86_400.0
FIRST_EXPIRY_S: Final = 600.0
"""After the start, which has enough to do."""
CLOSE_S: Final = 1.0
"""For what is under way at the end."""
AGAIN_S: Final = 60.0
"""For what could not be done."""


class Retention:
    """Works from `start` to `close`. Every replica does it; the store has them take turns."""

    def __init__(self, store: LedgerStore, clock: Clock, retention_s: float) -> None:
        """Entries are kept for `retention_s`."""
        self._store = store
        self._clock = clock
        self._retention_s = retention_s
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        self._log = structlog.get_logger()

    def start(self) -> None:
        """Begin, in the background."""
        self._tasks = [
            asyncio.create_task(self._every(PREPARE_S, self._prepare)),
            asyncio.create_task(self._every(EXPIRE_S, self._expire, FIRST_EXPIRY_S)),
        ]

    async def close(self) -> None:
        """End; an expiry, which may take minutes, is cut."""
        self._closing.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _prepare(self) -> None:
        await self._store.prepare(self._clock.wall_us())

    async def _expire(self) -> None:
        gone = await self._store.expire(self._clock.wall_us() - int(self._retention_s * 1e6))
        if gone:
            self._log.info("entries of the ledger have expired", entries=gone)

    async def _every(
        self, seconds: float, work: Callable[[], Awaitable[None]], first_s: float = 0.0
    ) -> None:
        if first_s:
            await unless(self._closing, self._clock.sleep(first_s))
        while not self._closing.is_set():
            pause_s = seconds if await self._try(work) else AGAIN_S
            await unless(self._closing, self._clock.sleep(pause_s))

    async def _try(self, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except StoreAway:
            return False
        except Exception:  # noqa: BLE001 - the next turn may go better
            self._log.exception("the ledger in the store could not be looked after")
            return False
        return True
