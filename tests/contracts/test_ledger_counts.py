"""Counts of budgets are begun and repaired the same in memory, on one server, and on a cluster.

They are what the store has, what waits in the state, and what is reserved: at every instant.
"""

from __future__ import annotations

import random

import pytest

from sluicegate.model.ledger import Entry
from sluicegate.state.contract import UNKNOWN, Group
from sluicegate.state.ledger import Batch
from support.effort import THOROUGH
from support.state_ledgers import (
    DAY,
    GROUP,
    MONTH,
    TWO,
    Pair,
    Play,
    entry_of,
    totals,
)


def test_a_budget_begins_with_what_the_store_has(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        verdict = await pair.take("t", 1, TWO)
        assert [each.retry_after_us for each in verdict.outcomes] == [UNKNOWN, UNKNOWN]
        assert await pair.seed(TWO, "ada", 5_000, 700)
        assert await pair.counts() == [("spending-day", 700, 0), ("spending-month", 5_000, 0)]
        assert not (await pair.take("t", 301, TWO)).admitted
        assert (await pair.take("t", 300, TWO)).admitted
        assert await pair.counts() == [("spending-day", 700, 300), ("spending-month", 5_000, 300)]

    play(scene)


def test_counts_that_are_there_stay(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed(GROUP, "ada", 100)
        assert await pair.seed(GROUP, "ada", 5)
        assert await pair.counts() == [("spending-month", 100, 0)]

    play(scene)


def test_a_limit_that_came_later_is_begun_and_the_others_stay(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        one = Group(TWO.place, [DAY], settles=True)
        assert await pair.seed(one, "ada", 100)
        assert await pair.seed(TWO, "ada", 5_000, 5)
        assert await pair.counts() == [("spending-day", 100, 0), ("spending-month", 5_000, 0)]

    play(scene)


def test_nothing_is_begun_while_lines_are_moved_or_were_moved_since(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        version = await pair.ledger.version()
        await pair.append(Entry(id="a"))
        batch = await pair.read()
        assert not await pair.seed()
        await pair.ledger.moved("one", batch)
        assert not await pair.ledger.seed(GROUP, "ada", [0], pair.starts(GROUP), version)
        assert await pair.counts() == []
        assert await pair.seed()

    play(scene)


def test_nothing_is_begun_for_another_period(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        version = await pair.ledger.version()
        past = pair.starts(GROUP, before=1)
        assert not await pair.ledger.seed(GROUP, "ada", [0], past, version)
        assert await pair.counts() == []

    play(scene)


def test_what_waits_and_what_is_reserved_is_added_to_what_the_store_has(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed(TWO)
        assert await pair.seed(TWO, "adam")
        await pair.spend("moved", 100, TWO)
        await pair.move()
        await pair.spend("waits", 20, TWO)
        assert (await pair.take("open", 3, TWO)).admitted
        assert (await pair.take("other", 500, TWO, "adam")).admitted
        await pair.settle("other", 500, TWO, "adam")
        version = await pair.ledger.version()
        starts = pair.starts(TWO)
        assert await pair.ledger.put(TWO, "ada", [100, 100], starts, version)
        assert await pair.counts() == [("spending-day", 120, 3), ("spending-month", 120, 3)]
        await pair.settle("open", 2, TWO)
        assert await pair.counts() == [("spending-day", 122, 0), ("spending-month", 122, 0)]

    play(scene)


def test_thousands_of_waiting_lines_are_added(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed()
        for n in range(40):
            await pair.spend(f"{n}", 2)
        await pair.append(*(Entry(id=f"x{n}", cost=1) for n in range(2_000)))
        await pair.spend("last", 2)
        version = await pair.ledger.version()
        assert await pair.ledger.put(GROUP, "ada", [1], pair.starts(GROUP), version)
        assert await pair.counts() == [("spending-month", 83, 0)]

    play(scene, most_lines=10_000)


def test_counts_are_repaired(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed(GROUP, "ada", 9_999)
        version = await pair.ledger.version()
        assert await pair.ledger.put(GROUP, "ada", [10], pair.starts(GROUP), version)
        assert await pair.counts() == [("spending-month", 10, 0)]

    play(scene)


def test_counts_of_all_budgets_are_told(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        for n in range(1_200):
            assert await pair.seed(GROUP, f"consumer-{n}", n)
        found = await pair.ledger.counts()
        assert {(each.subject, each.spent) for each in found} == {
            (f"consumer-{n}", n) for n in range(1_200)
        }
        assert {(each.place, each.label, each.start_us) for each in found} == {
            (GROUP.place, MONTH.label, pair.starts(GROUP)[0])
        }

    play(scene)


@pytest.mark.parametrize("subject", ["a}b", "", "ключ", "a{b%", "a;b:c"])
def test_a_subject_may_be_any_text(play: Play, subject: str) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed(GROUP, subject, 5)
        assert (await pair.take("t", 1, GROUP, subject)).admitted
        await pair.settle("t", 1, GROUP, subject)
        assert await pair.counts(subject) == [("spending-month", 6, 0)]
        assert (await pair.read()).lines[0].budgets == (f"{GROUP.place}\x1f{subject}",)

    play(scene)


class Life:
    """Takes, settlements, sweeps, moves in their steps, losses and bringing, by chance.

    `store` is what entries and totals cost that were moved, by their ids.
    """

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair = pair
        self.chance = random.Random(seed)
        self.store: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.cost = 0
        self.brought = 0
        self.batch: Batch | None = None
        self.asked: tuple[int, int] | None = None

    async def take(self, number: int) -> None:
        if (await self.pair.take(f"{number}", 9)).admitted:
            self.held[f"{number}"] = 9

    async def settle(self, number: int) -> None:  # noqa: ARG002 - as the other steps
        if self.held:
            ticket = self.chance.choice(list(self.held))
            del self.held[ticket]
            cost = self.chance.randrange(20)
            self.cost += cost
            await self.pair.settle(ticket, cost)

    async def sweep(self, number: int) -> None:
        """Reserve for one who ends at once."""
        if (await self.pair.take(f"{number}", 3, life_ms=0)).admitted:
            self.cost += 3 * await self.pair.ledger.sweep(10)

    async def move(self, number: int) -> None:  # noqa: ARG002 - same
        """Read; at the next time book and delete, unless whoever moved has ended in between."""
        batch, self.batch = self.batch, None
        if batch is None:
            self.batch = await self.pair.read(most=self.chance.randrange(1, 5))
        elif self.chance.random() < 0.7:
            booked = [(entry_of(line).id, line.cost or 0) for line in batch.lines]
            booked += [(entry.id, entry.cost or 0) for entry in totals(batch)]
            self.store |= {name: cost for name, cost in booked if name not in self.store}
            if self.chance.random() < 0.7:
                await self.pair.ledger.moved("one", batch)

    async def lose(self, number: int) -> None:  # noqa: ARG002 - same
        if await self.pair.counts():
            self.pair.lose(f"{GROUP.place}\x1fada")

    async def bring(self, number: int) -> None:  # noqa: ARG002 - same
        """Ask the store; at the next time begin the counts."""
        asked, self.asked = self.asked, None
        if asked is None:
            self.asked = await self.pair.ledger.version(), sum(self.store.values())
            return
        starts = self.pair.starts(GROUP)
        self.brought += await self.pair.ledger.seed(GROUP, "ada", [asked[1]], starts, asked[0])

    async def compare(self) -> None:
        """What is counted is what was spent and is held, or nothing."""
        expected = (MONTH.label, self.cost, sum(self.held.values()))
        assert await self.pair.counts() in ([], [expected])


@pytest.mark.parametrize("seed", range(40 if THOROUGH else 4))
def test_a_budget_is_the_sum_of_the_ledger_whenever_it_was_lost(play: Play, seed: int) -> None:
    async def scene(pair: Pair) -> None:
        life = Life(pair, seed)
        often = [life.take, life.settle, life.move, life.bring]
        steps = [*often, *often, life.sweep, life.lose]
        assert await pair.seed()
        for number in range(250):
            await life.chance.choice(steps)(number)
            await life.compare()
        assert life.brought > 1

    play(scene, most_lines=20)


def test_lines_older_than_a_budget_count_though_they_do_not_name_it(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        now_us = pair.clock.wall_us()
        await pair.append(
            Entry(id="a", at_us=now_us, consumer="ada", plan="free", cost=30),
            Entry(id="b", at_us=now_us, consumer="bob", plan="free", cost=50),
            Entry(id="c", at_us=now_us, consumer="ada", cost=700),
            Entry(id="d", at_us=pair.starts(GROUP)[0] - 1, consumer="ada", plan="free", cost=900),
            Entry(id="e", at_us=now_us, consumer="ada", plan="free", cost=None),
        )
        where = {"consumer": "ada", "plan": "free"}
        assert await pair.seed_of(where, "ada", 5)
        assert await pair.counts() == [("spending-month", 35, 0)]
        await pair.spend("t", 100)
        assert await pair.seed_of({"consumer": "ada", "plan": None}, "other")
        assert await pair.counts("other") == [("spending-month", 800, 0)]
        version = await pair.ledger.version()
        assert await pair.ledger.put(GROUP, "ada", [5], pair.starts(GROUP), version, where)
        assert await pair.counts() == [("spending-month", 135, 0)]

    play(scene)


def test_totals_older_than_a_budget_count_as_well(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        now_us = pair.clock.wall_us()
        for name in ("ada", "bob", "ada"):
            await pair.append(Entry(id=name, at_us=now_us, consumer=name, cost=30))
        assert (await pair.ledger.waiting())[0] == 1
        assert await pair.seed_of({"consumer": "ada"}, "ada", 1)
        assert await pair.counts() == [("spending-month", 61, 0)]

    play(scene, most_lines=1)


def test_counts_of_a_place_are_dropped_and_brought_again_whole(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        for group in (GROUP, TWO):
            assert await pair.seed(group)
            assert await pair.seed(group, "bob")
        await pair.spend("s", 700)
        await pair.take("h", 200)
        await pair.ledger.forget([GROUP.place, "budget;no;consumer;gateway"])
        assert {each.place for each in await pair.ledger.counts()} == {TWO.place}
        await pair.ledger.forget([])
        verdict = await pair.take("t", 1)
        assert [each.retry_after_us for each in verdict.outcomes] == [UNKNOWN]
        assert await pair.seed()
        found = [each for each in await pair.ledger.counts() if each.place == GROUP.place]
        assert [(each.subject, each.spent, each.held) for each in found] == [("ada", 700, 200)]
        await pair.settle("h", 150)
        assert not (await pair.take("t", 10_000 - 849)).admitted
        assert (await pair.take("t", 10_000 - 850)).admitted

    play(scene)
