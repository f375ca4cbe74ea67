"""Budgets: what calls of models may cost."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from sluicegate.errors import StateAway
from sluicegate.journey.limit.budget import Config
from sluicegate.model.consumer import Consumer
from sluicegate.model.resource import FieldFault
from sluicegate.state.memory import MemoryState
from support.budgets import USD, BudgetWorld, turns
from support.exchanges import counted, exchange, parts, run, sink, target
from support.mock_clock import MockClock

DAY_S = 86400


class FlakyState(MemoryState):
    """A state that is away when a test says so."""

    away = False

    async def take(self, *args: Any) -> Any:
        if self.away:
            raise StateAway("away")
        return await super().take(*args)

    async def settle(self, *args: Any) -> None:
        if self.away:
            raise StateAway("away")
        await super().settle(*args)


def test_calls_are_let_through_until_the_budget_is_spent() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], reserve="0.25")
        got = [await world.call(policy, USD // 4) for _ in range(6)]
        assert got == [200, 200, 200, 200, 429, 429]
        assert world.counts == [(USD, 0)]
        assert [line.cost for line in world.lines] == [USD // 4] * 4

    asyncio.run(work())


def test_what_never_fits_is_told_how_much_it_may_cost() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["0.0000001/day"])
        asked = world.asked()
        assert await world.call(policy, 0, asked) == 429
        assert sink(asked).problem()["detail"] == (
            "the limit of 0.0000001 USD/day never holds what this request costs, up to "
            "0.00000015 USD: bound its answer, as with `max_tokens`, or ask for less"
        )

    asyncio.run(work())


def test_at_once_no_more_are_let_through_than_it_has_room_for() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], reserve="0.02")
        got = await asyncio.gather(*(world.call(policy, USD // 50) for _ in range(200)))
        assert sorted(got) == [200] * 50 + [429] * 150
        assert sum(line.cost or 0 for line in world.lines) == USD

    asyncio.run(work())


def test_the_most_a_call_may_cost_is_held_and_given_back() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["0.00000021/day"])  # 210 nano-USD
        held: list[tuple[int, int]] = []

        async def look(_: Any) -> None:
            held.extend(world.counts)

        await policy.handle(world.asked(), look)
        [(spent, most)] = held
        assert spent == 0
        assert 150 <= most <= 210  # a token is a byte at least, and the answer has 50

    asyncio.run(work())


def test_a_refusal_says_which_budget_and_when_to_come_again() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/minute", "2/month"], reserve="1", name="team")
        assert await world.call(policy, USD) == 200
        asked = world.asked()
        await world.call(policy, asked=asked)
        got = sink(asked)
        assert got.status == 429
        assert got.problem()["violated-policies"] == ["team-1-minute-usd"]
        assert "1 USD/minute" in got.problem()["detail"]
        assert 0 < int(got.header("retry-after") or 0) <= 60
        assert '"team-2-month-usd"' in (got.header("ratelimit-policy") or "")

    asyncio.run(work())


def test_who_is_refused_for_what_others_hold_may_come_again_soon() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/month"], reserve="0.75")
        inside = asyncio.Event()

        async def waits(_: Any) -> None:
            await inside.wait()

        under_way = asyncio.create_task(policy.handle(world.asked(), waits))
        await turns()
        asked = world.asked()
        await world.call(policy, asked=asked)
        assert sink(asked).header("retry-after") == "1"
        inside.set()
        await under_way

    asyncio.run(work())


def test_each_consumer_has_a_budget_and_all_who_are_anonymous_have_one() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], reserve="1")
        for consumer in ("ann", "bob", None):
            assert await world.call(policy, USD, world.asked(consumer=consumer)) == 200
            assert await world.call(policy, USD, world.asked(consumer=consumer)) == 429

    asyncio.run(work())


def test_a_consumers_own_budget_stands_in() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], reserve="1", name="api")
        got = []
        for _ in range(3):
            asked = world.asked()
            asked.consumer = Consumer(limits={"api": ["2/day"]})
            got.append(await world.call(policy, USD, asked))
        assert got == [200, 200, 429]

    asyncio.run(work())


def test_a_new_period_begins_at_nothing_and_the_store_is_not_asked_again() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], reserve="1")
        assert await world.call(policy, USD) == 200
        assert await world.call(policy, USD) == 429
        world.clock.advance(DAY_S)
        assert await world.call(policy, USD) == 200
        assert len(world.source.asked) == 1

    asyncio.run(work())


def test_what_was_spent_before_the_state_was_emptied_is_brought() -> None:
    async def work() -> None:
        world = BudgetWorld()
        world.source.spent = USD
        policy = world.budget(allow=["1/day"], reserve="0.5")
        assert await world.call(policy) == 429
        [wanted] = world.source.asked
        assert wanted.where == {"consumer": "ann", "plan": "free"}
        assert wanted.limits == (("spending-day", USD, "day"),)
        assert wanted.subject == "=ann"

    asyncio.run(work())


@pytest.mark.parametrize(("kind", "status"), [("hard", 503), ("soft", 200)])
def test_a_budget_that_nobody_knows_denies_where_it_is_hard(kind: str, status: int) -> None:
    async def work() -> None:
        world = BudgetWorld()
        world.source.away = True
        policy = world.budget(allow=["1/day"], kind=kind)
        assert await world.call(policy, USD) == status
        assert world.counts == []
        assert len(world.lines) == (status == 200)
        assert counted(world.parts, "sluicegate_limit_degraded_total", "plan:free",
                       "deny" if kind == "hard" else "allow") == 1  # fmt: skip

    asyncio.run(work())


def test_what_was_let_through_while_the_state_was_away_is_charged_afterwards() -> None:
    async def work() -> None:
        clock = MockClock()
        state = FlakyState(clock, parts(clock).metrics)
        world = BudgetWorld(state, clock)
        policy = world.budget(allow=["1/day"], kind="soft", reserve="0.1")
        assert await world.call(policy, USD // 10) == 200
        state.away = True
        assert await world.call(policy, USD // 2) == 200
        assert len(world.lines) == 1
        state.away = False
        clock.advance(1)
        await turns()
        assert [line.cost for line in world.lines] == [USD // 10, USD // 2]
        assert world.counts == [(USD // 10 + USD // 2, 0)]

    asyncio.run(work())


def test_a_hard_budget_denies_while_the_state_is_away() -> None:
    async def work() -> None:
        clock = MockClock()
        state = FlakyState(clock, parts(clock).metrics)
        world = BudgetWorld(state, clock)
        policy = world.budget(allow=["1/day"])
        state.away = True
        assert await world.call(policy) == 503
        assert world.lines == []

    asyncio.run(work())


def test_a_hard_budget_refuses_a_model_whose_price_nobody_knows() -> None:
    async def work() -> None:
        world = BudgetWorld()
        asked = world.asked(known=False)
        with pytest.raises(Exception, match="needs the price of the model `fast`"):
            await world.call(world.budget(allow=["1/day"]), asked=asked)
        assert await world.call(world.budget(allow=["1/day"], kind="soft"), None,
                                world.asked(known=False)) == 200  # fmt: skip
        assert [line.cost for line in world.lines] == [None]

    asyncio.run(work())


def test_a_budget_in_shadow_refuses_nobody_and_counts_who_would_be() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], reserve="1", shadow=True)
        got = [await world.call(policy, USD) for _ in range(4)]
        assert got == [200] * 4
        assert counted(
            world.parts, "sluicegate_limit_shadow_refused_total", "plan:free", "1-day-usd"
        ) == 3  # fmt: skip

    asyncio.run(work())


def test_thresholds_are_told_of_once() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], reserve="0.1", alerts=[100, 50])
        for _ in range(12):
            await world.call(policy, USD // 10)
        alerts = list(world.state.ledger.alerts.values())
        assert [(alert.percent, alert.spent) for alert in alerts] == [(50, USD // 2), (100, USD)]

    asyncio.run(work())


def test_a_call_that_is_given_up_costs_what_was_produced() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], reserve="0.5")
        asked = world.asked()

        async def never(_: Any) -> None:
            await asyncio.Future()

        task = asyncio.create_task(policy.handle(asked, never))
        await turns()
        assert world.counts == [(0, USD // 2)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        world.books.over(asked)
        await turns()
        assert world.counts == [(0, 0)]

    asyncio.run(work())


def test_requests_that_are_no_calls_cost_nothing() -> None:
    world = BudgetWorld()
    policy = world.budget(allow=["1/day"])
    assert run(policy, exchange(clock=world.clock), target()).status == 200
    assert world.lines == []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"allow": []}, "length >= 1"),
        ({"allow": ["1/second"]}, "write minute, hour, day or month"),
        ({"allow": ["1/day sliding"]}, "a budget has whole periods: write `1/day`"),
        ({"allow": ["1/day", "2/day"]}, "there are two for each day: write one"),
        ({"allow": ["1/day"], "by": "ip"}, "`ip` has no budget"),
        ({"allow": ["1/day"], "alerts": [0]}, ">= 1"),
        ({"allow": ["1/day"], "alerts": [80, 80]}, "more than once"),
        ({"allow": ["1/day"], "reserve": 2}, "more than `1/day` ever holds"),
        ({"allow": ["1/day"], "reserve": 0}, "lets everybody in"),
        ({"allow": ["1/day"], "kind": "firm"}, "Invalid enum value"),
    ],
)
def test_what_cannot_be_a_budget_is_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(config, Config)


def test_a_consumers_own_budget_must_fit() -> None:
    config = Config(allow=["1/day", "20/month"], reserve="0.5")
    config.check_own(["2/day", "40/month"])
    for own, said in (
        (["2/day"], "expected one for each"),
        (["2/day", "3/hour"], "cannot go on with what `20/month` counted"),
        (["0.1/day", "40/month"], "never holds `reserve: 0.5`"),
    ):
        with pytest.raises(FieldFault, match=said):
            config.check_own(own)


def test_a_budget_in_shadow_refuses_nobody_whatever_the_price() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], shadow=True)
        assert await world.call(policy, None, world.asked(known=False)) == 200

    asyncio.run(work())


@pytest.mark.parametrize(("shadow", "status"), [(False, 429), (True, 200)])
def test_no_number_that_a_caller_may_write_is_too_large_to_be_reserved(
    *, shadow: bool, status: int
) -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = world.budget(allow=["1/day"], shadow=shadow)
        asked = world.asked()
        assert asked.call is not None
        huge = msgspec.Raw(b"1" + b"0" * 30)
        asked.call.fields = {"max_tokens": huge, "n": huge}
        assert await world.call(policy, 7, asked) == status
        assert world.counts == [(7 if shadow else 0, 0)]

    asyncio.run(work())
