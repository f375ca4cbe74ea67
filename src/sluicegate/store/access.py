"""The way to the store: bounded, and shut at once while the store is away.

    OPEN ── the server is lost, or a call took too long ──> SHUT
    SHUT ── a probe was answered ─────────────────────────> OPEN

Shut, calls fail at once. The first probe is made at once too, for it may have been one slow call;
each next one after 250 ms, then twice that, up to 1 s; give or take half of it at random, so that
replicas do not come back all at once.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import text

from sluicegate.errors import StoreAway
from sluicegate.store.away import why_away
from sluicegate.store.engine import LINKS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sqlalchemy.ext.asyncio import AsyncEngine

    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.store.engine import Links

FIRST_PROBE_S: Final = 0.25
PROBE_S: Final = 1.0
"""Between probes: well below the 5 s within which a change has to hold everywhere."""


class Access:
    """Connections of one engine. Needs a running loop; `close` before the loop ends."""

    def __init__(
        self,
        engine: AsyncEngine,
        timeout_s: float,
        clock: Clock,
        metrics: Metrics,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`timeout_s` bounds a call as a whole; `jitter` gives 0 to 1."""
        self.engine = engine
        self._timeout_s = timeout_s
        self._clock = clock
        self._jitter = jitter
        self._reason = ""
        self._probing: asyncio.Task[None] | None = None
        self._up = metrics.family(
            "sluicegate_store_up",
            "gauge",
            "1 while the store answers. Without it keys and configuration that are known hold.",
            merge="min",
        ).cell()
        calls = metrics.family(
            "sluicegate_store_calls_total",
            "counter",
            "Calls of the store: `ok`, also where it refused a wish; `failed`; `shed`: not tried.",
            ("outcome",),
        )
        self._ok = calls.cell("ok")
        self._failed = calls.cell("failed")
        self._shed = calls.cell("shed")

    @property
    def reason(self) -> str:
        """Why the store is away, or nothing."""
        return self._reason

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Raise StoreAway, without secrets, for all that means that the store is not there.

        Other errors of the server pass. At once where it is known to be away.
        """
        if self._reason:
            self._shed.value += 1
            raise StoreAway(self._reason)
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except Exception as error:
            reason, is_lost = why_away(error)
            if not reason:
                self._answered()
                raise
            self._failed.value += 1
            if is_lost:
                self._shut(reason)
            raise StoreAway(reason) from None  # an error of a driver may quote what was asked
        self._answered()

    async def close(self) -> None:
        """Close all connections, and probe no more."""
        probing, self._probing = self._probing, None
        if probing is not None:
            probing.cancel()
            await asyncio.wait([probing])
        self._reason = "closed"
        await self.engine.dispose()
        links: Links | None = self.engine.get_execution_options().get(LINKS)
        if links is not None:
            links.end()
            await asyncio.sleep(0)  # a cut connection is closed in the next turn

    def _answered(self) -> None:
        self._ok.value += 1
        self._up.value = float(not self._reason)

    def _shut(self, reason: str) -> None:
        if self._reason:  # found by several calls
            return
        self._reason = reason
        self._up.value = 0.0
        structlog.get_logger().warning("store_away", reason=reason)
        self._probing = asyncio.get_running_loop().create_task(self._probe())

    async def _probe(self) -> None:
        pause_s = FIRST_PROBE_S
        # What is in the pool was lost with the server, or waits for it.
        await self.engine.dispose()
        while not await self._is_back():
            await self._clock.sleep(pause_s * (0.5 + self._jitter()))
            pause_s = min(PROBE_S, pause_s * 2)
        self._reason, self._probing = "", None
        self._up.value = 1.0
        structlog.get_logger().info("store_back")

    async def _is_back(self) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s), self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not back
            self._reason = why_away(error)[0] or "the server refuses us"
            return False
        return True
