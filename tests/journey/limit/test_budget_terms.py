"""From what is written of a budget to its rule."""

from __future__ import annotations

import pytest

from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.journey.limit.budget_subject import budget_subject
from sluicegate.journey.limit.budget_terms import BudgetTerms, wanted
from sluicegate.journey.limit.cost import UsdCost
from sluicegate.model.resource import FieldFault
from support.exchanges import parts
from support.mock_clock import MockClock


def terms(*allow: str, name: str = "") -> BudgetTerms:
    return BudgetTerms(allow, "consumer", name, (80, 100), "deny", shadow=False)


def test_every_period_is_counted_by_itself() -> None:
    made = parts(MockClock(), "route:chat")
    subject = budget_subject("consumer")
    rule = terms("25/day", "400/month", name="team").rule(
        made, subject, UsdCost(made.forecast, None, hard=True)
    )
    day, month = rule.limits.group.limits
    assert isinstance(day.algorithm, Spending)
    assert isinstance(month.algorithm, Spending)
    assert day.algorithm.numbers == (25 * 10**9, 86_400_000_000, "80,100")
    assert month.algorithm.numbers == (400 * 10**9, 0, "80,100")
    assert rule.limits.group.spends
    assert rule.limits.names == ["team-25-day-usd", "team-400-month-usd"]


def test_counts_outlive_a_change_of_the_amount() -> None:
    made = parts(MockClock(), "plan:pro")
    subject = budget_subject("consumer")
    cost = UsdCost(made.forecast, None, hard=True)
    before, after = (terms(one).rule(made, subject, cost) for one in ("25/day", "50/day"))
    assert before.limits.group.place == after.limits.group.place == "budget;;consumer;plan:pro"
    assert before.limits.group.limits[0].label == after.limits.group.limits[0].label


def test_what_is_wanted_of_the_ledger_is_what_this_place_has_let_through() -> None:
    subject = budget_subject(["consumer", "model"])
    for scope, more in (
        ("gateway", {}),
        ("route:chat", {"route": "chat"}),
        ("plan:pro", {"plan": "pro"}),
    ):
        made = parts(MockClock(), scope)
        rule = terms("25/day").rule(made, subject, UsdCost(made.forecast, None, hard=True))
        asked = wanted(subject, scope, rule.limits, "=ann\x1f=fast")
        assert asked.where == {"consumer": "ann", "model": "fast"} | more
        assert asked.limits == (("spending-day", 25 * 10**9, "day"),)
        assert asked.place == rule.limits.group.place


@pytest.mark.parametrize(
    "text", ["25 dollars", "25/week", "25/day sliding 3", "25/day rolling", "a day", ""]
)
def test_what_is_no_budget_is_told_what_one_takes(text: str) -> None:
    with pytest.raises(FieldFault) as caught:
        terms(text).check()
    message = "write dollars per minute, hour, day or month, such as `25/day`"
    assert str(caught.value) == f"`{text}`: {message}"


def test_an_amount_that_cannot_be_counted_says_so() -> None:
    with pytest.raises(FieldFault, match=r"decimals|dollars") as caught:
        terms("0.0000000001/day").check()
    assert "per minute" not in str(caught.value)
