"""What a keeper does now and then: says what runs, notes which keys were used, sweeps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from sluicegate.process.turns import Turns

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.store.contract import ReplicaRow, Store

REPORT_S = 10.0
SWEEP_S = 3600.0
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
        self._turns = Turns(clock, "work beside the store has failed", "the store is away")

    def start(self) -> None:
        """Begin, in the background."""
        self._turns.every(REPORT_S, self.report)
        self._turns.every(REPORT_S, self.note_used)
        self._turns.every(SWEEP_S, self.sweep, FIRST_SWEEP_S)

    def once(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something in the background, where the store is not away."""
        self._turns.once(work)

    async def close(self) -> None:
        """End, having noted which keys were used. A sweep, which may take minutes, is cut."""
        await self._turns.close()
        await self._turns.attempt(self.note_used)

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
