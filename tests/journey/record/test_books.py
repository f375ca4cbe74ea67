"""A worker's side of the ledger."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import StateAway, StoreAway
from sluicegate.journey.record import books as module
from sluicegate.journey.record.books import Books
from sluicegate.llm.call import Charge, ModelCall
from sluicegate.llm.canonical import Usage
from sluicegate.llm.endpoint import Endpoint
from sluicegate.llm.failure import Failure
from sluicegate.metrics import Metrics
from sluicegate.model.consumer import Consumer
from sluicegate.model.ledger import BudgetWanted, Entry
from sluicegate.state.memory import MemoryState
from support.budgets import BudgetWorld, turns
from support.mock_clock import MockClock

WANTED = BudgetWanted("budget;;consumer;gateway", "=ann", (("spending-day", 1, "day"),), {})


class FlakyState(MemoryState):
    """A state that is away when a test says so."""

    away = False

    async def settle(self, *args: Any) -> None:
        if self.away:
            raise StateAway("away")
        await super().settle(*args)

    async def append(self, *args: Any) -> None:
        if self.away:
            raise StateAway("away")
        await super().append(*args)


def flaky() -> tuple[BudgetWorld, FlakyState]:
    clock = MockClock()
    state = FlakyState(clock, Metrics())
    return BudgetWorld(state, clock), state


def ended(world: BudgetWorld, *charges: Charge) -> Any:
    asked = world.asked()
    asked.attempts = 1
    assert asked.call is not None
    asked.call.charges += charges
    return asked


def lost(world: BudgetWorld) -> float:
    family = world.parts.metrics.families["sluicegate_ledger_lost_total"]
    return family.cell().value


def test_a_call_has_a_line_of_what_it_used() -> None:
    async def work() -> None:
        world = BudgetWorld()
        asked = ended(
            world,
            Charge(Usage(input=5, output=1, estimated=True), 7),
            Charge(Usage(input=10, output=4, cached=3, reasoning=2, cache_write=1), 20),
        )
        asked.consumer = Consumer(team="blue")
        asked.key_id, asked.plan = "sg_1", "free"
        asked.call.provider, asked.call.deployment = "vendor", "vendor/fast-1"
        world.clock.advance(0.5)
        asked.call.first_token_at = world.clock.monotonic()
        world.clock.advance(1)
        asked.respond(200, [], b"answer")
        world.books.over(asked)
        world.clock.advance(0.1)
        await turns()
        [line] = world.lines
        assert line == Entry(
            id=line.id, at_us=world.clock.wall_us() - 1_600_000, consumer="ann", team="blue",
            key="sg_1", plan="free", route="things", model="fast", provider="vendor",
            deployment="vendor/fast-1", cost=27, input=15, output=5, cached=3, cache_write=1,
            reasoning=2, estimated=True, status=200, attempts=1, endpoint="openai_chat",
            asked="fast", duration_us=1_500_000, first_token_us=500_000, bytes_out=6,
            region="local", request_id="request-1",
        )  # fmt: skip

    asyncio.run(work())


def test_a_failure_is_told_and_who_was_refused_before_anybody_was_asked_has_no_line() -> None:
    async def work() -> None:
        world = BudgetWorld()
        failed = ended(world)
        failed.call.failure = Failure(kind="overloaded", status=529, message="busy")
        world.books.over(failed)
        refused = world.asked()
        world.books.over(refused)
        world.clock.advance(1)
        await turns()
        assert [(line.failure, line.status, line.cost) for line in world.lines] == [
            ("overloaded", 499, 0)
        ]

    asyncio.run(work())


def test_what_passes_natively_has_a_line_that_does_not_say_it_was_for_nothing() -> None:
    async def work() -> None:
        world = BudgetWorld()
        passed = ended(world)
        passed.call = ModelCall(Endpoint("native", "openai_chat"), "proxy/vendor")
        passed.respond(200, [], b"answer")
        world.books.over(passed)
        world.clock.advance(1)
        await turns()
        assert [(line.asked, line.cost) for line in world.lines] == [("proxy/vendor", None)]

    asyncio.run(work())


def test_lines_go_together_a_few_times_a_second() -> None:
    async def work() -> None:
        world = BudgetWorld()
        for _ in range(5):
            world.books.over(ended(world))
        await turns()
        assert world.lines == []
        world.clock.advance(module.FLUSH_S)
        await turns()
        assert len(world.lines) == 5
        assert len({line.id for line in world.lines}) == 5

    asyncio.run(work())


def test_many_lines_do_not_wait() -> None:
    async def work() -> None:
        world = BudgetWorld()
        for _ in range(module.MOST_TOGETHER):
            world.books.over(ended(world))
        await turns()
        assert len(world.lines) == module.MOST_TOGETHER

    asyncio.run(work())


def test_what_the_state_did_not_take_is_tried_again_until_it_does() -> None:
    async def work() -> None:
        world, state = flaky()
        state.away = True
        world.books.over(ended(world))
        for _ in range(8):
            world.clock.advance(module.AGAIN_S)
            await turns()
        assert world.lines == []
        state.away = False
        world.clock.advance(module.AGAIN_S)
        await turns(20)
        assert len(world.lines) == 1

    asyncio.run(work())


def test_a_settlement_that_the_state_did_not_take_is_made_once_it_does() -> None:
    async def work() -> None:
        world, state = flaky()
        policy = world.budget(allow=["1/day"], reserve="0.1")
        await world.call(policy, 5)
        state.away = True
        for _ in range(3):
            await world.call(policy, 7)
        assert world.counts == [(5, 300_000_000)]
        state.away = False
        world.clock.advance(module.AGAIN_S)
        await turns(20)
        assert world.counts == [(26, 0)]
        assert [line.cost for line in world.lines] == [5, 7, 7, 7]

    asyncio.run(work())


def test_past_a_bound_the_oldest_are_lost_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)

    async def work() -> None:
        world, state = flaky()
        state.away = True
        for number in range(5):
            world.books.over(ended(world, Charge(Usage(), number)))
            world.clock.advance(module.AGAIN_S)
            await turns()
        state.away = False
        world.clock.advance(module.AGAIN_S)
        await turns(20)
        assert [line.cost for line in world.lines] == [2, 3, 4]
        assert lost(world) == 2

    asyncio.run(work())


def test_at_the_end_everything_is_written() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], reserve="0.1")
        await world.call(policy, 1)
        world.books.over(ended(world))
        await world.books.close()
        assert len(world.lines) == 2

    asyncio.run(work())


def test_a_state_that_stays_away_at_the_end_is_not_waited_for_for_ever() -> None:
    async def work() -> None:
        world, state = flaky()
        state.away = True
        world.books.over(ended(world))
        await asyncio.wait_for(world.books.close(), module.LAST_S + 5)
        assert lost(world) == 1

    asyncio.run(work())


def test_a_budget_is_brought_once_for_all_who_want_it() -> None:
    async def work() -> None:
        world = BudgetWorld()
        begun: list[BudgetWanted] = []
        inside = asyncio.Event()

        async def bring(wanted: BudgetWanted) -> None:
            begun.append(wanted)
            await inside.wait()
            raise StoreAway("away")

        world.source.bring = bring  # type: ignore[method-assign]
        waiting = [asyncio.create_task(world.books.bring(WANTED)) for _ in range(10)]
        await turns()
        waiting[0].cancel()  # who gives up ends it for nobody else
        inside.set()
        got = await asyncio.gather(*waiting, return_exceptions=True)
        assert begun == [WANTED]
        assert [type(each) for each in got[1:]] == [StoreAway] * 9

    asyncio.run(work())


def test_without_a_store_nobody_knows_what_was_spent() -> None:
    async def work() -> None:
        world = BudgetWorld()
        alone = Books(world.state, world.clock, Metrics(), lambda: "t", "local", None)
        with pytest.raises(StoreAway):
            await alone.bring(WANTED)

    asyncio.run(work())


def test_the_draft_of_a_call_stands_for_it_if_its_process_is_killed() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], reserve="0.1")

        async def killed(_: Any) -> None:
            world.clock.advance(61)
            assert world.state.ledger.sweep(10) == 1

        await policy.handle(world.asked(), killed)
        [line] = world.lines
        assert (line.cost, line.unsettled, line.consumer) == (100_000_000, True, "ann")
        assert world.counts == [(100_000_000, 0)]

    asyncio.run(work())


def test_a_state_that_is_away_is_told_of_once() -> None:
    async def work() -> None:
        world, state = flaky()
        with capture_logs() as logs:
            for _ in range(2):
                state.away = True
                world.books.over(ended(world))
                for _ in range(20):
                    world.clock.advance(module.AGAIN_S)
                    await turns()
                state.away = False
                world.clock.advance(module.AGAIN_S)
                await turns()
        assert [each["log_level"] for each in logs] == ["warning"] * 2
        assert len(world.lines) == 2

    asyncio.run(work())
