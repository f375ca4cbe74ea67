"""Lines are taken from the state to the store, whatever ends in the middle of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sluicegate.errors import StateAway, StoreAway
from sluicegate.process.ledger_moving import entry_of
from sluicegate.state.ledger import Line
from support.effort import THOROUGH
from support.entries import SECOND, Entries
from support.ledgers import World, within
from support.mock_clock import EPOCH_US

EVER = 2**52


async def until(world: World, done: Callable[[], bool], step_s: float = 0.25) -> None:
    """Let time pass until something is so."""
    for _ in range(400):
        if done():
            return
        world.clock.advance(step_s)
        for _ in range(5):
            await asyncio.sleep(0.001)
    raise AssertionError("it did not come to that")


def test_what_waits_is_moved_to_the_store_and_deleted(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        wrote = await world.note(2500, consumer="a")
        await world.mover.move()
        assert await world.shelf.pending() == []
        assert {each.id for each in await world.store.ledger.entries(0, EVER, {}, limit=5000)} == {
            each.id for each in wrote
        }
        assert world.metric("moved_total") == 2500
        await world.mover.move()
        assert world.metric("moved_total") == 2500

    within(tmp_path, work)


def test_a_line_says_what_was_spent_when_it_was_admitted(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        entry = await world.spend("a", 700)
        assert entry is not None
        world.clock.advance(5)
        await world.mover.move()
        [kept] = await world.store.ledger.entries(0, EVER, {})
        assert (kept.id, kept.cost, kept.at_us) == (entry.id, 700, EPOCH_US)

    within(tmp_path, work)


@pytest.mark.parametrize("error", [StoreAway, StateAway])
def test_what_cannot_be_moved_waits_and_is_moved_once(
    tmp_path: Path, error: type[Exception]
) -> None:
    async def work(world: World) -> None:
        shaky = world.booked if error is StoreAway else world.ledger
        await world.note(3)
        shaky.away = True
        with pytest.raises(error):
            await world.mover.move()
        shaky.away = False
        assert len(await world.shelf.pending()) == 3
        await world.mover.move()
        assert await world.store.ledger.spent({}, 0, EVER) == 3000
        assert await world.shelf.pending() == []

    within(tmp_path, work)


@pytest.mark.parametrize("step", ["book", "moved"])
def test_a_move_whose_end_was_not_heard_of_counts_nothing_twice(tmp_path: Path, step: str) -> None:
    async def work(world: World) -> None:
        shaky = world.booked if step == "book" else world.ledger
        await world.note(3)
        shaky.lost = {step}
        with pytest.raises((StoreAway, StateAway)):
            await world.mover.move()
        shaky.lost = set()
        await world.note(2)
        await world.mover.move()
        assert len(await world.store.ledger.entries(0, EVER, {})) == 5
        assert await world.shelf.pending() == []
        assert world.metric("moved_total") + (3 if step == "book" else 0) == 5

    within(tmp_path, work)


def test_one_moves_at_a_time_and_another_one_goes_on_when_it_has_ended(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        other = world.make_mover("other")
        await world.mover.move()
        await world.note(1)
        await other.move()
        assert len(await world.shelf.pending()) == 1
        world.clock.advance(6)
        await other.move()
        assert await world.shelf.pending() == []

    within(tmp_path, work)


def test_a_store_that_is_away_is_said_once_and_again_when_it_is_back(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        world.booked.away = True
        await world.note(2)
        with capture_logs() as logs:
            world.mover.start()
            await until(world, lambda: world.booked.calls.count("book") > 5)
            world.booked.away = False
            await until(world, lambda: not world.state.ledger.lines)
        said = [log["event"] for log in logs if log.get("work") == "move"]
        assert said == ["the ledger waits", "the ledger goes on"]
        await world.mover.close()

    within(tmp_path, work)


def test_alerts_are_handed_on_also_while_the_store_is_away(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.spend("a", 6000)
        world.booked.away = True
        with pytest.raises(StoreAway):
            await world.mover.move()
        assert [(each.percent, each.spent) for each in world.alerts] == [(50, 6000)]

    within(tmp_path, work)


def test_an_alert_comes_again_until_somebody_was_told(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.spend("a", 6000)
        world.is_told = False
        for _ in range(3):
            await world.mover.move()
        world.is_told = True
        for _ in range(3):
            await world.mover.move()
        assert [each.percent for each in world.alerts] == [50, 50, 50, 50]
        assert world.metric("moved_total") == 1
        await world.spend("a", 4000)
        await world.mover.move()
        assert world.alerts[-1].percent == 100

    within(tmp_path, work)


def test_what_nobody_keeps_is_charged_and_told(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.spend("a", 1)
        await world.reserve("a", 500, life_ms=1000)
        world.clock.advance(2)
        await world.mover.sweep()
        await world.mover.move()
        assert world.metric("swept_total") == 1
        [swept] = [e for e in await world.store.ledger.entries(0, EVER, {}) if e.unsettled]
        assert (swept.cost, swept.at_us) == (500, EPOCH_US)
        assert await world.spent() == await world.store.ledger.spent({}, 0, EVER) == 501

    within(tmp_path, work)


def test_how_much_waits_and_how_old_it_is_can_be_seen(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.note(7)
        world.clock.advance(3)
        await world.mover.sweep()
        assert world.metric("waiting") == 7
        world.booked.away = True
        with pytest.raises(StoreAway):
            await world.mover.move()
        assert world.metric("lag_seconds") == 3
        world.booked.away = False
        for _ in range(2):
            await world.mover.move()
        await world.mover.sweep()
        assert (world.metric("lag_seconds"), world.metric("waiting")) == (0, 0)

    within(tmp_path, work)


def test_lines_that_are_only_added_up_are_told_of_once(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        world.state.ledger.totals.added = 5  # of before: somebody has told of them
        with capture_logs() as logs:
            for overs in (5, 6, 7, 7, 8):
                world.state.ledger.totals.added = overs
                await world.mover.sweep()
        said = [line for line in logs if "only added up" in line["event"]]
        assert len(said) == 2
        assert world.metric("overflowed_total") == 8

    within(tmp_path, work)


def test_lines_that_nobody_can_read_stand_in_nobodys_way(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.state.append([(1, b"\x93nonsense"), (2, b"")])
        await world.note(1)
        with capture_logs() as logs:
            await world.mover.move()
        assert world.metric("unread_total") == 2
        assert world.metric("moved_total") == 1
        assert await world.shelf.pending() == []
        assert "nonsense" not in str(logs)

    within(tmp_path, work)


def test_without_a_store_lines_are_deleted(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.spend("a", 6000)
        mover = world.make_mover("bare", None)
        await mover.move()
        assert await world.shelf.pending() == []
        assert len(world.alerts) == 1
        assert await world.spent() == 6000

    within(tmp_path, work)


def test_who_needs_it_still_is_let_for_a_while_and_not_for_ever(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.mover.move()
        await world.note(1)
        world.mover.start()
        with world.mover.standing_still():
            for _ in range(7):
                world.clock.advance(0.25)
                await asyncio.sleep(0.005)
            assert len(await world.shelf.pending()) == 1
            await until(world, lambda: not world.state.ledger.lines)
        await world.mover.close()

    within(tmp_path, work)


def test_what_waits_at_the_end_is_moved_before_it(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        world.mover.start()
        await world.note(2)
        await world.mover.close()
        assert await world.store.ledger.spent({}, 0, EVER) == 2000

    within(tmp_path, work)


def test_at_the_end_one_who_has_died_while_moving_is_outlived(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.note(2)
        await world.shelf.read("dead", 10)
        ending = asyncio.create_task(world.mover.close())
        await until(world, ending.done)
        assert await world.store.ledger.spent({}, 0, EVER) == 2000

    within(tmp_path, work)


def test_at_the_end_one_who_lives_is_left_to_move(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        other = world.make_mover("other")
        await other.move()
        await world.note(3)
        ending = asyncio.create_task(world.mover.close())
        await asyncio.sleep(0.01)
        await other.move()
        world.clock.advance(0.25)
        await ending
        assert await world.store.ledger.spent({}, 0, EVER) == 3000

    within(tmp_path, work)


def test_an_end_without_a_store_is_an_end(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        world.mover.start()
        await world.note(2)
        world.booked.away = True
        await world.mover.close()
        assert len(await world.shelf.pending()) == 2

    within(tmp_path, work)


def test_an_entry_of_a_line_is_the_one_that_was_written_but_for_what_the_state_knows() -> None:
    entry = Entries()(EPOCH_US, cost=5)
    raw = msgspec.msgpack.encode(entry)
    assert entry_of(Line("1-0", 0, 5, (), raw)) == entry
    known = entry_of(Line("1-0", EPOCH_US + SECOND, None, ("b",), raw, unsettled=True))
    assert (known.at_us, known.cost, known.unsettled) == (EPOCH_US + SECOND, None, True)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("spend"), st.sampled_from("abc"), st.integers(0, 4000)),
        st.tuples(st.just("forget"), st.sampled_from("abc")),
        st.tuples(st.just("leave"), st.sampled_from("abc"), st.integers(0, 4000)),
        st.tuples(st.just("move"), st.sampled_from(["", "book", "moved", "away"])),
        st.tuples(st.just("sweep")),
        st.tuples(st.just("wait"), st.integers(1, 90)),
    ),
    max_size=30,
)


class Play:
    """Takes steps."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_disturbed = False

    async def spend(self, subject: str, cost: int) -> None:
        if self.is_disturbed:  # lines that are being moved let no budget be brought
            await self.move("")
        await self.world.spend(subject, cost)

    async def leave(self, subject: str, cost: int) -> None:
        await self.world.reserve(subject, cost, life_ms=30_000)

    async def forget(self, subject: str) -> None:
        self.world.forget(subject)

    async def move(self, fault: str) -> None:
        booked, ledger = self.world.booked, self.world.ledger
        booked.away, booked.lost, ledger.lost = fault == "away", {fault} - {"moved"}, {fault}
        with suppress(StoreAway, StateAway):
            await self.world.mover.move()
        booked.away, booked.lost, ledger.lost = False, set(), set()
        self.is_disturbed = bool(fault)

    async def sweep(self) -> None:
        await self.world.mover.sweep()

    async def wait(self, seconds: int) -> None:
        self.world.clock.advance(seconds)


@effort(max_examples=150 if THOROUGH else 12)
@given(STEPS)
def test_what_is_counted_is_what_was_written_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    """Counts that are lost come back; the store and what waits have each call once."""

    async def work(world: World) -> None:
        play = Play(world)
        for name, *arguments in steps:
            await getattr(play, name)(*arguments)
            for count in await world.shelf.counts():
                assert count.spent == await world.said(count.subject[1:]), (name, arguments)

    within(tmp_path_factory.mktemp("world"), work)
