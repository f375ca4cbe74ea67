from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.route.canary import Canary, turn

weights = st.lists(st.integers(0, 20), min_size=1, max_size=6).filter(any)


@given(weights)
def test_every_service_gets_exactly_its_share_of_a_whole_round(given_weights: list[int]) -> None:
    canary = Canary(list(enumerate(given_weights)))
    picked = Counter(canary.pick() for _ in range(2 * sum(given_weights)))
    assert picked == Counter({i: 2 * weight for i, weight in enumerate(given_weights)})


@given(weights, st.integers(1, 120))
def test_no_service_is_ever_far_from_its_share(given_weights: list[int], turns: int) -> None:
    canary = Canary(list(enumerate(given_weights)))
    picked = Counter(canary.pick() for _ in range(turns))
    for index, weight in enumerate(given_weights):
        due = turns * weight / sum(given_weights)
        assert abs(picked[index] - due) < len(given_weights)


def test_a_small_share_comes_evenly_and_not_in_a_burst() -> None:
    canary = Canary([("stable", 99), ("next", 1)])
    places = [turn for turn in range(1000) if canary.pick() == "next"]
    gaps = {later - earlier for earlier, later in pairwise(places)}
    assert len(places) == 10
    assert gaps == {100}


def test_a_service_of_weight_zero_is_never_chosen() -> None:
    canary = Canary([("off", 0), ("on", 3), ("also", 1)])
    assert "off" not in {canary.pick() for _ in range(50)}
    assert Canary([("off", 0)]).pick() is None
    assert Canary([]).pick() is None


def test_the_choice_depends_on_nothing_but_the_state() -> None:
    assert turn((0, 0), (5, 1)) == turn((0, 0), (5, 1)) == (0, (-1, 1))
    assert turn((-1, 1), (5, 1)) == (0, (-2, 2))
