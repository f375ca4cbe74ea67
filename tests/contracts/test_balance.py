"""What every algorithm of upstream/balance promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.balance import Balance
from sluicegate.upstream.balance.least_requests import LeastRequests
from sluicegate.upstream.balance.weighted_round_robin import WeightedRoundRobin


class Target:
    def __init__(self, weight: int = 1) -> None:
        self.weight = weight
        self.in_flight = 0
        self.available = True


Make = Callable[[Sequence[Target]], Balance[Target]]

ALGORITHMS: dict[str, Make] = {
    "least_requests": lambda targets: LeastRequests(targets, Random(7)),
    "weighted_round_robin": WeightedRoundRobin,
}


@pytest.fixture(params=ALGORITHMS.values(), ids=ALGORITHMS.keys())
def make(request: pytest.FixtureRequest) -> Make:
    found: Make = request.param
    return found


def shares(balance: Balance[Target], targets: list[Target], picks: int) -> list[float]:
    """Return the part of `picks` that each target got while nothing was in flight."""
    counts = Counter(balance.pick() for _ in range(picks))
    return [counts[target] / picks for target in targets]


@pytest.mark.parametrize("weights", [[1, 1], [1, 1, 1, 1], [5, 1, 1], [3, 2], [100, 1]])
def test_idle_targets_share_by_weight(make: Make, weights: list[int]) -> None:
    targets = [Target(weight) for weight in weights]
    expected = [weight / sum(weights) for weight in weights]
    assert shares(make(targets), targets, 5050) == pytest.approx(expected, abs=0.03)


@given(
    st.sampled_from(sorted(ALGORITHMS)),
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=6),
)
def test_a_pick_can_be_had_and_none_means_that_there_is_none(
    algorithm: str, states: list[tuple[int, bool, bool]]
) -> None:
    targets = [Target(weight) for weight, _, _ in states]
    balance = ALGORITHMS[algorithm](targets)
    excluded = set()
    for target, (_, available, exclude) in zip(targets, states, strict=True):
        target.available = available
        if exclude:
            excluded.add(target)
    usable = {t for t in targets if t.weight and t.available and t not in excluded}
    picked = {balance.pick(excluded) for _ in range(60)}
    assert picked <= usable if usable else picked == {None}


def test_a_target_that_goes_away_gets_nothing_and_has_its_share_on_return(make: Make) -> None:
    targets = [Target(1), Target(2), Target(1)]
    balance = make(targets)
    shares(balance, targets, 101)
    targets[1].available = False
    assert shares(balance, targets, 2000) == pytest.approx([0.5, 0, 0.5], abs=0.05)
    targets[1].available = True
    assert shares(balance, targets, 4000) == pytest.approx([0.25, 0.5, 0.25], abs=0.05)


def test_a_changed_weight_holds_from_then_on(make: Make) -> None:
    targets = [Target(0), Target(1000), Target(1)]
    balance = make(targets)
    shares(balance, targets, 101)
    targets[0].weight, targets[1].weight, targets[2].weight = 2, 1, 1
    assert shares(balance, targets, 4000) == pytest.approx([0.5, 0.25, 0.25], abs=0.05)
    targets[0].weight = 0
    assert shares(balance, targets, 200)[0] == 0


def test_excluding_is_for_one_pick(make: Make) -> None:
    targets = [Target(), Target()]
    balance = make(targets)
    assert all(balance.pick((targets[0],)) is targets[1] for _ in range(10))
    assert 0.4 < shares(balance, targets, 1000)[0] < 0.6


@pytest.mark.parametrize("count", [1, 3])
def test_the_last_one_that_takes_calls_gets_them_all(make: Make, count: int) -> None:
    targets = [Target() for _ in range(count)]
    balance = make(targets)
    for target in targets[:-1]:
        target.available = False
    assert {balance.pick() for _ in range(50)} == {targets[-1]}
    targets[-1].available = False
    assert balance.pick() is None
    targets[-1].available = True
    assert balance.pick(set(targets)) is None
    targets[-1].weight = 0
    assert balance.pick() is None


def test_of_no_targets_none_is_picked(make: Make) -> None:
    assert make([]).pick() is None
