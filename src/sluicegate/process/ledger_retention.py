"""What the store's part of the ledger needs now and then: partitions to come, and expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from sluicegate.process.turns import Turns

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.store.ledger import LedgerStore

PREPARE_S: Final = 3600.0
EXPIRE_S: Final = 86_400.0
FIRST_EXPIRY_S: Final = 600.0
"""After the start, which has enough to do."""
AGAIN_S: Final = 60.0
"""For what could not be done."""


class Retention:
    """Works from `start` to `close`. Every replica does it; the store has them take turns."""

    def __init__(self, store: LedgerStore, clock: Clock, retention_s: float) -> None:
        """Entries are kept for `retention_s`."""
        self._store = store
        self._clock = clock
        self._retention_s = retention_s
        self._turns = Turns(clock, "the ledger in the store could not be looked after")
        self._log = structlog.get_logger()

    def start(self) -> None:
        """Begin, in the background."""
        self._turns.every(PREPARE_S, self._prepare, again_s=AGAIN_S)
        self._turns.every(EXPIRE_S, self._expire, FIRST_EXPIRY_S, AGAIN_S)

    async def close(self) -> None:
        """End; an expiry, which may take minutes, is cut."""
        await self._turns.close()

    async def _prepare(self) -> None:
        await self._store.prepare(self._clock.wall_us())

    async def _expire(self) -> None:
        gone = await self._store.expire(self._clock.wall_us() - int(self._retention_s * 1e6))
        if gone:
            self._log.info("entries of the ledger have expired", entries=gone)
