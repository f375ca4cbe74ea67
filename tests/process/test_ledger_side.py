"""A replica moves its ledger once it knows from where and where to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sluicegate.clock import Clock
from sluicegate.errors import StoreAway
from sluicegate.journey.limit.budget import Config
from sluicegate.metrics import Metrics
from sluicegate.process.ledger_side import LedgerSide
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.state.ledger_in_memory import LedgerInMemory
from sluicegate.state.memory import MemoryState
from support.entries import Entries
from support.ledgers import PLACE, wanted
from support.loops import run
from support.stores import opened

EVER = 2**52


class World:
    def __init__(self, settings: Settings) -> None:
        clock = Clock()
        self.state = MemoryState(clock, Metrics())
        self.ledger = LedgerInMemory(self.state.ledger, clock)
        self.side = LedgerSide(settings, clock, Metrics())
        self._make = Entries()

    async def note(self) -> None:
        entry = self._make(Clock().wall_us(), consumer="a")
        await self.state.append([(entry.cost, msgspec.msgpack.encode(entry))])

    async def close(self) -> None:
        await self.side.close()
        self.state.close()


@pytest.mark.parametrize("first", ["ledger", "store"])
def test_lines_are_moved_in_whatever_order_both_sides_come(tmp_path: Path, first: str) -> None:
    settings = Settings(data_dir=str(tmp_path), store=Store(url="sqlite:///store.db"))

    async def work() -> None:
        world = World(settings)
        async with opened(settings, Clock()) as store:
            await world.note()
            if first == "store":
                world.side.take_store(store.ledger)
            await world.side.start(world.ledger)
            if first == "ledger":
                with pytest.raises(StoreAway):
                    await world.side.bring(wanted("a"))
                with pytest.raises(StoreAway):
                    await world.side.book([Entries()()])
            world.side.take_store(store.ledger)
            await world.side.bring(wanted("a"))
            await world.note()
            await world.close()
            assert await store.ledger.spent({}, 0, EVER) == 2000
            assert await world.ledger.pending() == []

    run(work())


def test_without_a_store_lines_go_and_budgets_begin_with_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), store=Store(url="none"))

    async def work() -> None:
        world = World(settings)
        await world.side.start(world.ledger)
        await world.note()
        await world.side.bring(wanted("a"))
        assert await world.side.book([Entries()()]) == 0
        await world.close()
        assert await world.ledger.pending() == []
        assert [count.spent for count in await world.ledger.counts()] == [0]

    run(work())


def test_workers_that_count_by_themselves_have_their_entries_kept(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), store=Store(url="sqlite:///store.db"))

    async def work() -> None:
        world = World(settings)
        await world.side.start(None)
        async with opened(settings, Clock()) as store:
            world.side.take_store(store.ledger)
            entry = Entries()()
            assert await world.side.book([entry]) == 1
            assert await world.side.book([entry]) == 0
            with pytest.raises(StoreAway):
                await world.side.bring(wanted("a"))
            await world.close()

    run(work())


def test_a_side_that_never_began_ends() -> None:
    async def work() -> None:
        side: Any = LedgerSide(Settings(), Clock(), Metrics())
        await side.close()

    run(work())


def test_a_budget_that_was_away_counts_what_was_spent_meanwhile(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), store=Store(url="sqlite:///store.db"))
    budgets = {PLACE: Config(allow=["1/day"]).terms()}

    async def work() -> None:
        world = World(settings)
        async with opened(settings, Clock()) as store:
            world.side.take_store(store.ledger)
            await world.side.start(world.ledger)
            await world.side.runs(budgets)
            await world.side.bring(wanted("a"))
            await world.side.runs({})
            await world.note()
            await world.side.runs(budgets)
            await world.side.bring(wanted("a"))
            assert [each.spent for each in await world.ledger.counts()] == [1000]
            await world.close()

    run(work())
