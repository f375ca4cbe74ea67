"""Bringing a budget's counts to a state that lacks them: from the store, and from what waits.

A state that was emptied, a database that took over late, a budget that was never used: none of them
knows what was spent. What the store has of the period is summed up while no lines move; the state
adds those that wait in it, and what is reserved.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from sluicegate.admin.budget_places import LENGTHS_US
from sluicegate.errors import StoreAway
from sluicegate.journey.limit.algorithms.period import period_at
from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.state.contract import Group, Limit

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sluicegate.clock import Clock
    from sluicegate.model.ledger import BudgetWanted
    from sluicegate.state.ledger import Ledger
    from sluicegate.store.ledger import Sums

TRIES: Final = 5
PAUSE_S: Final = 0.1
"""Between tries: less than between two moves of lines."""
CLOSE_S: Final = 1.0
AT_ONCE: Final = 4
"""Budgets that are summed up at a time, so that the store has connections left for others."""


class Still(Protocol):
    """Who moves lines."""

    def standing_still(self) -> AbstractContextManager[None]:
        """Move nothing meanwhile."""


class BudgetBringing:
    """A `BudgetSource` beside the store."""

    def __init__(self, ledger: Ledger, store: Sums | None, clock: Clock, mover: Still) -> None:
        """Without a store nothing was spent but what waits in the state."""
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._mover = mover
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def bring(self, wanted: BudgetWanted) -> None:
        """Have the state count it, once for all who want it at a time.

        Raises StoreAway, also where lines moved all the time, and StateAway.
        """
        name = (wanted.place, wanted.subject)
        task = self._under_way.get(name)
        if task is None:
            task = self._under_way[name] = asyncio.create_task(self._bring(wanted))
            task.add_done_callback(lambda done: self._brought(name, done))
        await asyncio.shield(task)

    async def close(self) -> None:
        """Bring no more; what is under way has a moment."""
        under_way = list(self._under_way.values())
        if under_way:
            await asyncio.wait(under_way, timeout=CLOSE_S)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _brought(self, name: tuple[str, str], task: asyncio.Task[None]) -> None:
        self._under_way.pop(name, None)
        if not task.cancelled():
            task.exception()  # who asked has it; nobody may be left to ask

    async def _bring(self, wanted: BudgetWanted) -> None:
        async with self._turns:
            with self._mover.standing_still():
                for turn in range(TRIES):
                    if turn:
                        await self._clock.sleep(PAUSE_S)
                    if await self._seed(wanted):
                        return
        raise StoreAway("lines of the ledger moved all the time")

    async def _seed(self, wanted: BudgetWanted) -> bool:
        version = await self._ledger.version()
        now_us = self._clock.wall_us()
        limits, spent, starts_us = [], [], []
        for label, limit, period in wanted.limits:
            length_us = LENGTHS_US[period]  # type: ignore[index]  # as `budget_terms` names them
            start_us, end_us = period_at(now_us, length_us)
            limits.append(Limit(label, Spending(limit, length_us)))
            starts_us.append(start_us)
            spent.append(await self._spent(wanted, start_us, end_us))
        group = Group(wanted.place, limits, settles=True)
        where = None if self._store is None else wanted.where
        return await self._ledger.seed(group, wanted.subject, spent, starts_us, version, where)

    async def _spent(self, wanted: BudgetWanted, start_us: int, end_us: int) -> int:
        if self._store is None:
            return 0
        return await self._store.spent(wanted.where, start_us, end_us)
