"""How many retries there may be at the same time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.retry_budget import RetryBudget


def test_a_few_are_always_allowed() -> None:
    budget = RetryBudget(20, 3)
    budget.live = 1
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    budget.give_back()
    assert budget.take()


@pytest.mark.parametrize(("live", "allowed"), [(15, 3), (19, 3), (20, 4), (24, 4), (500, 100)])
def test_a_share_of_what_is_live_is_allowed(live: int, allowed: int) -> None:
    budget = RetryBudget(20, 3)
    budget.live = live
    assert budget.left == allowed
    assert [budget.take() for _ in range(allowed + 1)].count(True) == allowed
    assert budget.left == 0


def test_a_service_can_do_without_any() -> None:
    budget = RetryBudget(0, 0)
    budget.live = 1000
    assert not budget.take()


@given(
    percent=st.integers(0, 100),
    minimum=st.integers(0, 10),
    steps=st.lists(st.sampled_from(["begin", "end", "retry", "retried"]), max_size=200),
)
def test_no_retry_begins_over_the_bound(percent: int, minimum: int, steps: list[str]) -> None:
    budget = RetryBudget(percent, minimum)
    retries = 0
    for step in steps:
        if step == "begin":
            budget.live += 1
        elif step == "end" and budget.live > retries:
            budget.live -= 1
        elif step == "retry" and retries < budget.live:
            allowed = max(budget.live * percent // 100, minimum)
            assert budget.take() is (retries < allowed)
            retries = budget.retrying
        elif step == "retried" and retries:
            budget.give_back()
            retries = budget.retrying
        assert budget.retrying == retries
