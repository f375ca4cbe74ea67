from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from sluicegate.upstream.balance.least_requests import LeastRequests


@dataclass(eq=False)
class Target:
    weight: int = 1
    in_flight: int = 0
    available: bool = True


def load(targets: list[Target], calls: int, seed: int = 7) -> list[int]:
    """Begin `calls` that never end; return what each target has then."""
    balance = LeastRequests(targets, Random(seed))
    for _ in range(calls):
        target = balance.pick()
        assert target is not None
        target.in_flight += 1
    return [target.in_flight for target in targets]


def test_the_less_busy_of_two_is_chosen() -> None:
    busy, idle = Target(in_flight=50), Target()
    balance = LeastRequests([busy, idle], Random(7))
    picked = [balance.pick() for _ in range(1000)]
    # Only where four draws in a row give the same one is there no second to compare with.
    assert picked.count(idle) > 900


def test_load_is_far_more_even_than_by_chance() -> None:
    counts = load([Target() for _ in range(20)], 2000)
    assert max(counts) - min(counts) <= 6


@pytest.mark.parametrize("weights", [[1, 2, 3], [10, 1, 1, 1]])
def test_load_follows_the_weights(weights: list[int]) -> None:
    counts = load([Target(weight) for weight in weights], 2600)
    expected = [2600 * weight / sum(weights) for weight in weights]
    assert counts == pytest.approx(expected, rel=0.1)


def test_a_slow_target_gets_less() -> None:
    slow, *quick = targets = [Target() for _ in range(4)]
    balance = LeastRequests(targets, Random(7))
    counts = {id(target): 0 for target in targets}
    for _ in range(400):
        target = balance.pick()
        assert target is not None
        counts[id(target)] += 1
        if target is slow:
            slow.in_flight += 1
    assert counts[id(slow)] < 0.1 * min(counts[id(target)] for target in quick)


def test_the_same_random_numbers_make_the_same_choices() -> None:
    assert load([Target() for _ in range(5)], 200) == load([Target() for _ in range(5)], 200)


def test_a_few_among_many_that_cannot_be_had_are_found() -> None:
    targets = [Target(weight=1000, available=False) for _ in range(200)]
    targets[17], targets[90] = few = [Target(in_flight=3), Target(in_flight=3)]
    balance = LeastRequests(targets, Random(7))
    picked = [balance.pick() for _ in range(200)]
    assert set(picked) == set(few)
    few[0].in_flight = 0
    assert [balance.pick() for _ in range(200)].count(few[0]) > 120
