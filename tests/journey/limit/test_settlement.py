"""What is left to be settled."""

from __future__ import annotations

from sluicegate.journey.limit.settlement import Settlement
from sluicegate.state.contract import Ask
from support.budgets import BudgetWorld


def test_it_keeps_what_it_is_given_for_who_writes_the_line() -> None:
    world = BudgetWorld()
    group = world.budget(allow=["1/day"]).rules[0].limits.group
    ask = Ask(group, "=ann", 7)
    left = Settlement(world.state, [ask], "ticket", [5])
    assert (left.keeper, left.asks, left.ticket, left.costs) == (world.state, [ask], "ticket", [5])
