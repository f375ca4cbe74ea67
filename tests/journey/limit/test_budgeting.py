"""Taking where counts of budgets may have to be brought first."""

from __future__ import annotations

import asyncio

import pytest

from sluicegate.errors import StateAway
from sluicegate.journey.limit.budget import Policy
from sluicegate.journey.limit.budgeting import ROUNDS, Budgeting
from sluicegate.journey.limit.rate_limit import Config as LimitConfig
from sluicegate.journey.limit.rate_limit import Policy as LimitPolicy
from sluicegate.journey.limit.wishing import Wish
from sluicegate.model.ledger import BudgetWanted
from sluicegate.state.contract import Ask
from support.budgets import BudgetWorld


def wishes(*policies: Policy | LimitPolicy, cost: int = 10) -> list[Wish]:
    made = []
    for policy in policies:
        rule = policy.rules[0]
        amount = cost if rule.limits.group.spends else 1
        made.append(Wish(rule, rule.limits, Ask(rule.limits.group, "=ann", amount)))
    return made


def test_all_that_is_unknown_is_brought_and_then_taken_together() -> None:
    async def work() -> None:
        world = BudgetWorld()
        asked = wishes(world.budget(allow=["1/day"]), world.budget(allow=["2/month"], name="other"))
        taken = await Budgeting(world.parts).take(world.asked(), asked, "t")
        assert taken == asked
        assert len(world.source.asked) == 2
        assert world.counts == [(0, 10), (0, 10)]

    asyncio.run(work())


def test_other_limits_are_charged_once_however_often_is_asked() -> None:
    async def work() -> None:
        world = BudgetWorld()
        limit = LimitPolicy(LimitConfig(allow=["10/minute"]), world.parts)
        asked = wishes(limit, world.budget(allow=["1/day"]))
        await Budgeting(world.parts).take(world.asked(), asked, "t")
        assert [outcome.remaining for outcome in asked[0].outcomes] == [9]

    asyncio.run(work())


def test_where_it_cannot_be_brought_a_soft_one_is_late_and_the_others_are_asked() -> None:
    async def work() -> None:
        world = BudgetWorld()
        world.source.away = True
        limit = LimitPolicy(LimitConfig(allow=["10/minute"]), world.parts)
        asked = wishes(limit, world.budget(allow=["1/day"], kind="soft"))
        taken = await Budgeting(world.parts).take(world.asked(), asked, "t")
        assert taken == asked[:1]
        assert [outcome.remaining for outcome in asked[0].outcomes] == [9]
        assert asked[1].late

    asyncio.run(work())


def test_where_a_hard_one_cannot_be_brought_nothing_is_taken() -> None:
    async def work() -> None:
        world = BudgetWorld()
        world.source.away = True
        limit = LimitPolicy(LimitConfig(allow=["10/minute"]), world.parts)
        asked = wishes(limit, world.budget(allow=["1/day"]))
        assert await Budgeting(world.parts).take(world.asked(), asked, "t") == []
        assert asked[1].degraded == "deny"
        world.source.away = False
        again = wishes(limit)
        await Budgeting(world.parts).take(world.asked(), again, "u")
        assert [outcome.remaining for outcome in again[0].outcomes] == [9]

    asyncio.run(work())


def test_one_in_shadow_that_is_unknown_charges_the_others_once() -> None:
    async def work() -> None:
        world = BudgetWorld()
        limit = LimitPolicy(LimitConfig(allow=["10/minute"]), world.parts)
        asked = wishes(limit, world.budget(allow=["1/day"], shadow=True))
        assert await Budgeting(world.parts).take(world.asked(), asked, "t") == asked
        assert [outcome.remaining for outcome in asked[0].outcomes] == [9]
        assert not asked[1].refused
        assert len(world.source.asked) == 1

    asyncio.run(work())


def test_counts_that_never_stay_are_a_state_that_is_away() -> None:
    async def work() -> None:
        world = BudgetWorld()
        asked: list[BudgetWanted] = []

        async def bring(wanted: BudgetWanted) -> None:
            asked.append(wanted)

        world.source.bring = bring  # type: ignore[method-assign]
        with pytest.raises(StateAway):
            await Budgeting(world.parts).take(
                world.asked(), wishes(world.budget(allow=["1/day"])), "t"
            )
        assert len(asked) == ROUNDS

    asyncio.run(work())
