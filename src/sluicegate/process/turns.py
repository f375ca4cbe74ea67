"""Work that is done now and then beside everything else, until the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from sluicegate.errors import StoreAway
from sluicegate.process.drain import unless

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sluicegate.clock import Clock

CLOSE_S: Final = 1.0
"""For what is under way at the end."""


class Turns:
    """Nobody waits for any of it; where the store is away the next turn may go better."""

    def __init__(self, clock: Clock, failed: str, away: str = "") -> None:
        """`failed` is what the log says of an error that nobody has thought of.

        `away` is what it says, at its lowest level, of a store that is away; nothing if empty.
        """
        self._clock = clock
        self._failed = failed
        self._away = away
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        self._log = structlog.get_logger()

    def every(
        self,
        seconds: float,
        work: Callable[[], Awaitable[None]],
        first_s: float = 0.0,
        again_s: float | None = None,
    ) -> None:
        """Do it each so many seconds from `first_s` on; `again_s` after a turn that went wrong."""
        retry_s = seconds if again_s is None else again_s
        self._tasks.append(asyncio.create_task(self._every(seconds, work, first_s, retry_s)))

    def once(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do it, in the background."""
        self._tasks.append(asyncio.create_task(self._once(work)))

    async def attempt(self, work: Callable[[], Awaitable[object]]) -> bool:
        """Do it now; says whether it went well."""
        try:
            await work()
        except StoreAway:
            if self._away:
                self._log.debug(self._away)
            return False
        except Exception:  # noqa: BLE001 - the next turn may go better
            self._log.exception(self._failed)
            return False
        return True

    async def close(self) -> None:
        """Begin no more turns; what is under way is cut after a while."""
        self._closing.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _every(
        self, seconds: float, work: Callable[[], Awaitable[None]], first_s: float, retry_s: float
    ) -> None:
        await self._pause(first_s)
        while not self._closing.is_set():
            await self._pause(seconds if await self.attempt(work) else retry_s)

    async def _once(self, work: Callable[[], Awaitable[object]]) -> None:
        await self.attempt(work)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        if seconds:
            await unless(self._closing, self._clock.sleep(seconds))
