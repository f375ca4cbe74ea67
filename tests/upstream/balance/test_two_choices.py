from __future__ import annotations

from random import Random

import pytest

from sluicegate.upstream.balance.least_requests import LeastRequests
from sluicegate.upstream.balance.two_choices import TwoChoices
from support.targets import Target, targets


def choosing(given: list[Target]) -> TwoChoices[Target]:
    return LeastRequests(given, Random(7))


def counts(given: list[Target], picks: int = 6000) -> list[float]:
    """Return the shares where of any two the first of the list is the less busy."""
    for at, target in enumerate(given):
        target.in_flight = at * 10_000
    balance = choosing(given)
    picked = [balance.pick() for _ in range(picks)]
    return [picked.count(target) / picks for target in given]


def test_the_best_wins_every_pair_that_it_is_in() -> None:
    # Pairs of 4: the first is in 3 of 6, the second is best in 2 more, and so on; the last in none.
    # Where four draws in a row give the same one, it has nobody to be compared with.
    assert counts(targets(1, 1, 1, 1)) == pytest.approx([1 / 2, 1 / 3, 1 / 6, 0], abs=0.03)


def test_who_is_drawn_is_a_matter_of_weight() -> None:
    light, heavy = counts(targets(1, 1000, 1))[0], counts(targets(1000, 1, 1))[0]
    assert light < 0.01
    assert heavy > 0.99


def test_the_same_random_numbers_make_the_same_choices() -> None:
    assert counts(targets(1, 2, 3), 200) == counts(targets(1, 2, 3), 200)


def test_a_few_among_many_that_cannot_be_had_are_found() -> None:
    given = targets(*[1000] * 200)
    for target in given:
        target.available = False
    few = given[17], given[90]
    for target in few:
        target.available, target.weight = True, 1
    balance = choosing(given)
    picked = [balance.pick() for _ in range(200)]
    assert set(picked) == set(few)
    assert 60 < picked.count(few[0]) < 140


def test_a_weight_that_rises_is_worth_what_it_is() -> None:
    given = targets(100, 100)
    balance = choosing(given)
    found = 0
    for turn in range(4000):
        given[0].weight = 10 + turn // 100
        found += balance.pick() is given[0]
    assert found / 4000 == pytest.approx(0.224, abs=0.03)


def test_a_weight_of_nothing_is_noticed_at_once() -> None:
    given = targets(1000, 1, 1)
    balance = choosing(given)
    balance.pick()
    given[0].weight = 0
    assert given[0] not in {balance.pick() for _ in range(50)}
