from __future__ import annotations

from random import Random

import pytest

from sluicegate.upstream.balance.least_requests import LeastRequests
from support.targets import Target, targets


def load(given: list[Target], calls: int) -> list[int]:
    """Begin `calls` that never end; return what each target has then."""
    balance = LeastRequests(given, Random(7))
    for _ in range(calls):
        target = balance.pick()
        assert target is not None
        target.in_flight += 1
    return [target.in_flight for target in given]


def test_the_less_busy_of_two_is_chosen() -> None:
    busy, idle = given = targets(1, 1)
    busy.in_flight = 50
    balance = LeastRequests(given, Random(7))
    picked = [balance.pick() for _ in range(1000)]
    # Only where four draws in a row give the same one is there no second to compare with.
    assert picked.count(idle) > 900


def test_load_is_far_more_even_than_by_chance() -> None:
    counts = load(targets(*[1] * 20), 2000)
    assert max(counts) - min(counts) <= 6


@pytest.mark.parametrize("weights", [[1, 2, 3], [10, 1, 1, 1]])
def test_load_follows_the_weights(weights: list[int]) -> None:
    counts = load(targets(*weights), 2600)
    expected = [2600 * weight / sum(weights) for weight in weights]
    assert counts == pytest.approx(expected, rel=0.1)


def test_a_slow_target_gets_less() -> None:
    slow, *quick = given = targets(1, 1, 1, 1)
    balance = LeastRequests(given, Random(7))
    counts = dict.fromkeys(given, 0)
    for _ in range(400):
        target = balance.pick()
        assert target is not None
        counts[target] += 1
        if target is slow:
            slow.in_flight += 1
    assert counts[slow] < 0.1 * min(counts[target] for target in quick)


def test_a_few_among_many_that_cannot_be_had_share_by_load() -> None:
    given = targets(*[1000] * 200)
    for target in given:
        target.available = False
    few = given[17], given[90]
    few[0].available = few[1].available = True
    few[1].in_flight = 3
    balance = LeastRequests(given, Random(7))
    assert [balance.pick() for _ in range(200)].count(few[0]) > 120
