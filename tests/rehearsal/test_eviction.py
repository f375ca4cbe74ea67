"""A disruption budget lets go as many as are spare, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.eviction import Budget, Forbidden, budget, check, covering

AMOUNTS = st.one_of(st.integers(0, 12), st.integers(0, 100).map(lambda share: f"{share}%"))


@given(AMOUNTS, st.integers(1, 12), st.integers(0, 12))
def test_evictions_never_go_below_min_available(
    least: int | str, expected: int, healthy: int
) -> None:
    healthy = min(healthy, expected)
    spec = {"minAvailable": least}
    wanted = budget(spec, expected, healthy).wanted
    while budget(spec, expected, healthy).allowed:
        healthy -= 1
        assert healthy >= wanted
    if isinstance(least, int):
        assert wanted == least
    else:
        assert wanted * 100 >= int(least[:-1]) * expected > (wanted - 1) * 100


@pytest.mark.parametrize(
    ("spec", "expected", "healthy", "allowed"),
    [
        ({"minAvailable": 2}, 3, 3, 1),
        ({"minAvailable": 2}, 3, 2, 0),
        ({"minAvailable": "50%"}, 7, 7, 3),  # 3.5 is rounded up to 4
        ({"maxUnavailable": 1}, 3, 3, 1),
        ({"maxUnavailable": "30%"}, 7, 7, 3),  # 2.1 is rounded up to 3
        ({"minAvailable": 2}, 0, 0, 0),
    ],
)
def test_the_documented_examples(
    spec: dict[str, Any], expected: int, healthy: int, allowed: int
) -> None:
    assert budget(spec, expected, healthy).allowed == allowed


def test_an_eviction_that_the_budget_cannot_bear_is_refused_with_its_numbers() -> None:
    with pytest.raises(Forbidden, match="needs 2 healthy pods and has 2 currently"):
        check({}, Budget(healthy=2, wanted=2, expected=3), ready=True)
    check({}, Budget(healthy=3, wanted=2, expected=3), ready=True)


def test_a_pod_that_is_not_ready_may_go_while_the_others_suffice() -> None:
    check({}, Budget(healthy=2, wanted=2, expected=3), ready=False)
    with pytest.raises(Forbidden):
        check({}, Budget(healthy=1, wanted=2, expected=3), ready=False)
    always = {"unhealthyPodEvictionPolicy": "AlwaysAllow"}
    check(always, Budget(healthy=1, wanted=2, expected=3), ready=False)


def test_a_pod_of_two_budgets_is_never_evicted() -> None:
    one = {"metadata": {"name": "one"}, "spec": {"selector": {"matchLabels": {"app": "a"}}}}
    two = {"metadata": {"name": "two"}, "spec": {"selector": {}}}
    assert covering([one], {"app": "a"}) == one
    assert covering([one], {"app": "b"}) is None
    with pytest.raises(Forbidden, match="more than one PodDisruptionBudget: one, two"):
        covering([one, two], {"app": "a"})
