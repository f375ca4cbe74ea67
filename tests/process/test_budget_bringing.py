"""A budget whose counts are not there begins with what the ledger says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sluicegate.errors import StateAway, StoreAway
from sluicegate.process import budget_bringing
from sluicegate.process.budget_bringing import TRIES, BudgetBringing
from support.entries import DAY
from support.ledgers import World, wanted, within
from support.mock_clock import EPOCH_US


def test_a_budget_that_was_never_used_begins_with_nothing(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        assert await world.spend("a", 700)
        assert [(c.spent, c.held) for c in await world.shelf.counts()] == [(700, 0)]

    within(tmp_path, work)


def test_counts_that_were_lost_are_brought_from_the_store_and_from_what_waits(
    tmp_path: Path,
) -> None:
    async def work(world: World) -> None:
        await world.spend("a", 3000)
        await world.mover.move()
        await world.spend("a", 4000)
        await world.spend("b", 5000)
        world.forget("a")
        assert not await world.spend("a", 3001)
        assert await world.spend("a", 3000)
        assert await world.spent() == 15_000

    within(tmp_path, work)


def test_only_the_present_period_counts(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        midnight = EPOCH_US // DAY * DAY
        await world.store.ledger.book(
            [
                world.make(midnight - 1, consumer="a", cost=1),
                world.make(midnight, consumer="a", cost=2),
                world.make(midnight, consumer="b", cost=4),
            ]
        )
        await world.bringing.bring(wanted("a", ("minute", "hour", "day", "month")))
        counts = {count.label: count.spent for count in await world.shelf.counts()}
        assert counts == {
            "spending-minute": 0, "spending-hour": 0, "spending-day": 2, "spending-month": 3,
        }  # fmt: skip

    within(tmp_path, work)


def test_those_who_want_the_same_wait_for_one_look(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await asyncio.gather(*(world.bringing.bring(wanted("a")) for _ in range(50)))
        assert world.booked.calls == ["spent"]

    within(tmp_path, work)


def test_one_who_goes_away_takes_nothing_from_the_others(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        first = asyncio.create_task(world.bringing.bring(wanted("a")))
        second = asyncio.create_task(world.bringing.bring(wanted("a")))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert len(await world.shelf.counts()) == 1

    within(tmp_path, work)


@pytest.mark.parametrize("error", [StoreAway, StateAway])
def test_who_cannot_be_asked_is_said(tmp_path: Path, error: type[Exception]) -> None:
    async def work(world: World) -> None:
        shaky = world.booked if error is StoreAway else world.ledger
        shaky.away = True
        with pytest.raises(error):
            await world.bringing.bring(wanted("a"))
        shaky.away = False
        await world.bringing.bring(wanted("a"))

    within(tmp_path, work)


def test_lines_that_move_meanwhile_are_waited_for_and_not_for_ever(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.note(1)
        await world.shelf.read("another", 10)
        asked = asyncio.create_task(world.bringing.bring(wanted("a")))
        while not asked.done():
            await asyncio.sleep(0.001)
            world.clock.advance(0.1)
        with pytest.raises(StoreAway, match="moved all the time"):
            asked.result()
        assert world.booked.calls.count("spent") == TRIES

    within(tmp_path, work)


def test_the_lines_stand_still_while_a_budget_is_brought(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.mover.move()
        await world.note(1)
        seen: list[int] = []

        class Watched:
            async def spent(self, *_: Any) -> int:
                await world.mover.move()
                seen.append(len(world.state.ledger.lines))
                return 0

        store: Any = Watched()
        bringing = BudgetBringing(world.shelf, store, world.clock, world.mover)
        await bringing.bring(wanted("a"))
        assert seen == [1]

    within(tmp_path, work)


def test_without_a_store_only_what_waits_is_known(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        bringing = BudgetBringing(world.shelf, None, world.clock, world.mover)
        await world.spend("a", 100)
        world.forget("a")
        await bringing.bring(wanted("a"))
        assert await world.spent() == 100

    within(tmp_path, work)


def test_what_is_under_way_at_the_end_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget_bringing, "CLOSE_S", 0.01)

    async def work(world: World) -> None:
        await world.note(1)
        await world.shelf.read("another", 10)
        asked = asyncio.create_task(world.bringing.bring(wanted("a")))
        await asyncio.sleep(0.01)
        await world.bringing.close()
        with pytest.raises(asyncio.CancelledError):
            await asked

    within(tmp_path, work)
