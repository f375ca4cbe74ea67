"""The ledger's side of a replica: what moves its lines, and what knows what was spent.

Management has one, or the only process. It works once it has both: the state's part, and what the
lines are moved to. Where there is no store they are deleted, so that the state does not fill.

    state that others see   lines are moved from there
    memory, one process     the same, from the plane's own memory
    memory, many workers    each moves its own lines to here (`book`), and no budget can be counted
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from sluicegate.errors import StoreAway
from sluicegate.process.alerts import OpenAlerts
from sluicegate.process.budget_bringing import BudgetBringing
from sluicegate.process.budget_forgetting import BudgetForgetting
from sluicegate.process.ledger_moving import Mover
from sluicegate.process.ledger_retention import Retention
from sluicegate.snapshot.budgets import limits_of
from sluicegate.store.of_region import OfRegion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluicegate.clock import Clock
    from sluicegate.journey.limit.budget_terms import BudgetTerms
    from sluicegate.metrics import Metrics
    from sluicegate.model.ledger import BudgetWanted, Entry
    from sluicegate.settings import Settings
    from sluicegate.state.ledger import Ledger
    from sluicegate.store.ledger import LedgerStore


class LedgerSide:
    """A `BudgetSource`, and the way of lines from the state to the store."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        """Nothing is connected before `start`. Needs a running loop."""
        self.ledger: Ledger | None = None
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._store: LedgerStore | None = None
        self._alerts: OpenAlerts | None = None
        self._mover: Mover | None = None
        self._bringing: BudgetBringing | None = None
        self._forgetting: BudgetForgetting | None = None
        self._retention: Retention | None = None

    async def start(self, ledger: Ledger | None) -> None:
        """Connect; returns once that was tried. None where the state is each worker's own."""
        self.ledger = ledger
        if ledger is not None:
            self._forgetting = BudgetForgetting(ledger, self._clock)
            await ledger.start()
            self._begin(ledger)
            if not self._settings.store.exists:
                await self._forgetting.runs({})

    def take_store(self, store: LedgerStore) -> None:
        """Move lines there from now on."""
        if self._store is not None:
            return
        self._store = store
        self._retention = Retention(store, self._clock, float(self._settings.ledger.retention))
        self._retention.start()
        if self.ledger is not None:
            self._begin(self.ledger)

    async def runs(self, budgets: Mapping[str, BudgetTerms]) -> None:
        """Take notice of the budgets that are about to run, by the places of their counts."""
        if self._forgetting is not None:
            await self._forgetting.runs(await asyncio.to_thread(_periods, budgets))

    async def bring(self, wanted: BudgetWanted) -> None:
        """Have the state count a budget. Raises StoreAway, StateAway."""
        if self._bringing is None:
            raise StoreAway("what was spent is not known yet")
        await self._bringing.bring(wanted)

    async def book(self, entries: Sequence[Entry]) -> int:
        """Keep entries of workers that count by themselves. Raises StoreAway."""
        if self._store is not None:
            return await self._store.book(entries)
        if self._settings.store.exists:
            raise StoreAway("the store has not been read yet")
        return 0

    async def close(self) -> None:
        """Move what waits, for a while, and let go of everything; before the store is closed."""
        if self._forgetting is not None:
            await self._forgetting.close()
        if self._bringing is not None:
            await self._bringing.close()
        if self._mover is not None:
            await self._mover.close()
        if self._retention is not None:
            await self._retention.close()
        if self._alerts is not None:
            await self._alerts.close()
        if self.ledger is not None:
            self.ledger.close()

    def _begin(self, ledger: Ledger) -> None:
        """Move, as soon as it is known where to."""
        if self._mover is not None or (self._store is None and self._settings.store.exists):
            return
        self._alerts = OpenAlerts(self._settings, self._clock, self._metrics)
        self._alerts.start()
        self._mover = Mover(
            ledger,
            self._store,
            self._clock,
            self._metrics,
            self._alerts.take,
            name=secrets.token_hex(8),
        )
        self._mover.start()
        here = None
        if self._store is not None:
            here = OfRegion(self._store, self._settings.region.name)
        self._bringing = BudgetBringing(ledger, here, self._clock, self._mover)


def _periods(budgets: Mapping[str, BudgetTerms]) -> dict[str, frozenset[str]]:
    """Return the periods of budgets by their places. There may be thousands."""
    return {place: frozenset(limits_of(terms)) for place, terms in budgets.items()}
