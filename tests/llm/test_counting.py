from __future__ import annotations

from sluicegate.llm.counting import count_of, counted


def test_a_count_is_the_usage_of_an_answer_without_choices() -> None:
    assert counted(7).choices == []
    assert count_of(counted(7)) == 7


def test_an_answer_without_usage_counts_nothing() -> None:
    answer = counted(7)
    answer.usage = None
    assert count_of(answer) == 0
