"""A ledger in memory beside a store, with what workers and management do to it.

async with moving(tmp_path) as world:
    await world.spend("a", 700)
    await world.mover.move()
    assert await world.store.ledger.spent({}, 0, 2**52) == 700
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from sluicegate.errors import StateAway, StoreAway
from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.metrics import Metrics
from sluicegate.model.ledger import BudgetWanted, Entry
from sluicegate.process.budget_bringing import BudgetBringing
from sluicegate.process.ledger_moving import Mover, entry_of
from sluicegate.settings import Settings
from sluicegate.state.contract import UNKNOWN, Ask, Group, Limit, Verdict
from sluicegate.state.ledger import Alert
from sluicegate.state.ledger_in_memory import LedgerInMemory
from sluicegate.state.memory import MemoryState
from sluicegate.store.contract import Store
from support.entries import DAY, Entries
from support.loops import run
from support.mock_clock import MockClock
from support.stores import opened

LIMIT = 10_000
PLACE = "budget;;consumer;gateway"
GROUP = Group(
    PLACE,
    [Limit("spending-day", Spending(LIMIT, DAY, (50, 100)))],
    settles=True,
)


def wanted(subject: str = "a", periods: Sequence[str] = ("day",)) -> BudgetWanted:
    """Return the wish to know what a consumer has spent."""
    limits = tuple((f"spending-{period}", LIMIT, period) for period in periods)
    return BudgetWanted(PLACE, f"={subject}", limits, {"consumer": subject})


class Shaky:
    """Passes calls on to `of`, or raises StoreAway or StateAway while it is away.

    `lost` does what is asked and says that it could not.
    """

    def __init__(self, of: Any, error: type[Exception]) -> None:
        self.of = of
        self.away = False
        self.lost: set[str] = set()
        self.calls: list[str] = []
        self._error = error

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append(name)
            if self.away:
                raise self._error("away")
            answer = await getattr(self.of, name)(*arguments, **named)
            if name in self.lost:
                raise self._error("lost")
            return answer

        return call


class World:
    """One replica's."""

    def __init__(self, store: Store, clock: MockClock) -> None:
        self.clock = clock
        self.store = store
        self.metrics = Metrics()
        self.state = MemoryState(clock, self.metrics)
        self.shelf = LedgerInMemory(self.state.ledger, clock)
        self.ledger = Shaky(self.shelf, StateAway)
        self.booked = Shaky(store.ledger, StoreAway)
        self.alerts: list[Alert] = []
        self.is_told = True
        self.mover = self.make_mover("one")
        self.bringing = BudgetBringing(self.ledger, self.booked, clock, self.mover)
        self.make = Entries()

    def make_mover(self, name: str, store: Any = ...) -> Mover:
        """Return one more that moves."""
        return Mover(
            self.ledger,  # type: ignore[arg-type]  # by its methods
            self.booked if store is ... else store,
            self.clock,
            self.metrics,
            self._take,
            name=name,
        )

    def _take(self, alert: Alert) -> bool:
        self.alerts.append(alert)
        return self.is_told

    async def note(self, count: int = 1, **fields: Any) -> list[Entry]:
        """Write lines that no budget is charged with."""
        entries = [self.make(self.clock.wall_us(), **fields) for _ in range(count)]
        lines = [(entry.cost, msgspec.msgpack.encode(entry)) for entry in entries]
        await self.state.append(lines)
        return entries

    async def reserve(self, subject: str, cost: int, life_ms: int = 60_000) -> Verdict:
        """Reserve of the budget of a consumer, under a ticket of its own."""
        self.entry = self.make(self.clock.wall_us(), consumer=subject, cost=cost)
        self.asks = [Ask(GROUP, f"={subject}", cost)]
        entry = msgspec.msgpack.encode(self.entry)
        return await self.state.take(self.asks, self.entry.id, entry, life_ms)

    async def spend(self, subject: str, cost: int) -> Entry | None:
        """Have a call cost so much; the budget is brought where it is not known."""
        verdict = await self.reserve(subject, cost)
        if any(outcome.retry_after_us == UNKNOWN for outcome in verdict.outcomes):
            await self.bringing.bring(wanted(subject))
            verdict = await self.reserve(subject, cost)
        if not verdict.admitted:
            return None
        line = msgspec.msgpack.encode(self.entry)
        await self.state.settle(self.asks, self.entry.id, [cost], line, cost)
        return self.entry

    async def spent(self) -> int:
        """Return what the state has counted, all budgets together."""
        return sum(each.spent for each in await self.shelf.counts())

    async def said(self, subject: str) -> int:
        """Return what store and waiting lines have of a consumer, each entry once."""
        entries = {each.id: each for each in map(entry_of, await self.shelf.pending())}
        stored = await self.store.ledger.entries(0, 2**52, {"consumer": subject}, limit=10_000)
        entries |= {each.id: each for each in stored}
        return sum(each.cost or 0 for each in entries.values() if each.consumer == subject)

    def forget(self, subject: str) -> None:
        """Lose the counts of a consumer."""
        for name in [*self.state.ledger.budgets]:
            if name.endswith(f"={subject}"):
                self.state.ledger.budgets[name].drop()

    def metric(self, name: str) -> float:
        """Return the value of a metric of the ledger."""
        name = f"sluicegate_ledger_{name}"
        [family] = [each for each in self.metrics.dump() if each.name == name]
        return sum(series.number for series in family.series)


@asynccontextmanager
async def moving(folder: Path) -> AsyncIterator[World]:
    """Give a world with an empty store in a file."""
    clock = MockClock()
    async with opened(Settings(data_dir=str(folder)), clock) as store:
        world = World(store, clock)
        yield world
        world.state.close()


def within(folder: Path, work: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """Do `work` in a world of its own, on a loop of its own."""

    async def scenario() -> None:
        async with moving(folder) as world:
            await work(world)

    run(scenario())
