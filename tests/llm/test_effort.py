from __future__ import annotations

import pytest

from sluicegate.llm.canonical import Reasoning
from sluicegate.llm.effort import BUDGETS, budget_of, effort_of


@pytest.mark.parametrize(
    ("budget", "effort"),
    [(0, "none"), (1, "minimal"), (1024, "low"), (1025, "medium"), (4096, "high"), (99999, "high")],
)
def test_a_budget_becomes_the_smallest_word_that_is_enough(budget: int, effort: str) -> None:
    assert effort_of(Reasoning(budget=budget)) == effort


def test_a_word_becomes_its_budget_and_again_the_word() -> None:
    for effort, budget in BUDGETS[:5]:
        assert budget_of(Reasoning(effort=effort)) == budget
        assert effort_of(Reasoning(budget=budget)) == effort


def test_what_was_said_is_not_changed() -> None:
    assert effort_of(Reasoning(effort="max", budget=1)) == "max"
    assert budget_of(Reasoning(effort="max", budget=1)) == 1


def test_as_much_as_it_likes_is_left_to_the_model() -> None:
    assert effort_of(Reasoning(budget=-1)) is None
    assert budget_of(Reasoning(adaptive=True)) == -1
    assert effort_of(Reasoning()) is budget_of(Reasoning()) is None
