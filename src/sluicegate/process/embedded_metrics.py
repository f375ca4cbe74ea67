"""Metrics for CloudWatch, as lines of standard output now and then (`emf`)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from sluicegate.admin.actuator import Silent
from sluicegate.logs import LogWriter
from sluicegate.process.turns import Turns
from sluicegate.telemetry.emf import Emf

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sluicegate.clock import Clock
    from sluicegate.metrics import FamilyDump, Metrics
    from sluicegate.settings import Settings

STDOUT: Final = 1
LINGER_S: Final = 0.5
"""For the last lines, where nobody reads them."""


class EmbeddedMetrics:
    """Tells what the replica counts, until the end; nothing where `emf` is not set."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        scrape: Callable[[], Awaitable[list[FamilyDump]]],
        fd: int = STDOUT,
    ) -> None:
        """`scrape` is what the actuator does, and may raise Silent."""
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._scrape = scrape
        self._fd = fd
        self._emf: Emf | None = None
        self._writer: LogWriter | None = None
        self._turns = Turns(clock, "metrics could not be told")

    def start(self) -> None:
        """Begin; needs a running loop."""
        wanted = self._settings.emf
        if wanted is None:
            return
        region = self._settings.region.name
        self._emf = Emf(wanted.namespace, region, socket.gethostname(), wanted.by)
        self._writer = LogWriter(self._fd, self._metrics)
        self._turns.once(self._lines)  # what was told before this process was there
        self._turns.every(float(wanted.every), self._tell, float(wanted.every))

    async def close(self) -> None:
        """Tell what was counted since, where it can still be asked for, and end."""
        await self._turns.close()
        if self._writer is not None:
            await self._turns.attempt(self._tell)
            self._writer.close(LINGER_S)

    async def _tell(self) -> None:
        assert self._writer is not None  # noqa: S101 - narrows the type
        for line in await self._lines():
            self._writer.write(line)

    async def _lines(self) -> list[bytes]:
        assert self._emf is not None  # noqa: S101 - narrows the type
        try:
            dump = await self._scrape()
        except Silent:
            return []  # the next lines tell of both times
        return self._emf.lines(dump, self._clock.wall_us())
