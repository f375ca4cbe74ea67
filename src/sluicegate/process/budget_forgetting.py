"""Dropping counts of budgets that were away: nobody has counted what was spent meanwhile.

A budget that is not configured is charged with nothing, though calls go on and the ledger has them.
So counts of such places are dropped, and those of places that come, or come back, as well: the next
call has them brought from what is written. Counts are sums over the ledger, so nothing is lost.

A call that began before a budget came is not charged to it when it ends. So the counts of budgets
that came are dropped once more after `AGAIN_S`, when most of these calls are written.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from sluicegate.errors import StateAway

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from sluicegate.clock import Clock
    from sluicegate.state.ledger import Ledger

RETRY_S: Final = 1.0
AGAIN_S: Final = 60.0
"""Of most calls of models the longest."""

Periods = frozenset[str]


class BudgetForgetting:
    """Told of the budgets that run, it drops counts that cannot be right."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        """Nothing is known of what ran before."""
        self._ledger = ledger
        self._clock = clock
        self._runs: Mapping[str, Periods] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def runs(self, budgets: Mapping[str, Periods]) -> None:
        """Take notice of what runs from now on: places of counts, with their periods.

        Returns once that was tried; while the state is away it is tried again, in the background.
        """
        before, self._runs = self._runs, dict(budgets)
        if before is None:
            await self._once(self._drop_unknown())
            return
        changed = {
            place
            for place in before.keys() | budgets.keys()
            if before.get(place) != budgets.get(place)
        }
        if changed:
            await self._once(self._drop(changed))
        came = changed & budgets.keys()
        if came:
            self._begin(self._drop_again(came))

    async def close(self) -> None:
        """Drop nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _once(self, work: Coroutine[None, None, None]) -> None:
        """Do it here; what takes longer than a while goes on beside."""
        task = self._begin(work)
        await asyncio.wait((task,), timeout=RETRY_S)

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _drop_unknown(self) -> None:
        """Drop what an earlier configuration has left."""
        while True:
            try:
                places = {count.place for count in await self._ledger.counts()}
            except StateAway:
                await self._clock.sleep(RETRY_S)
            else:
                break
        await self._drop(places - (self._runs or {}).keys())

    async def _drop_again(self, places: set[str]) -> None:
        await self._clock.sleep(AGAIN_S)
        await self._drop(places)

    async def _drop(self, places: set[str]) -> None:
        while places:
            try:
                await self._ledger.forget(sorted(places))
            except StateAway:
                await self._clock.sleep(RETRY_S)
            else:
                structlog.get_logger().info(
                    "counts of budgets that came or went are dropped", places=len(places)
                )
                return
