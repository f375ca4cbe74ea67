"""What every algorithm of upstream/balance promises, alone and within and across zones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.balance import Balance
from sluicegate.upstream.balance.consistent_hash import ConsistentHash
from sluicegate.upstream.balance.least_requests import LeastRequests
from sluicegate.upstream.balance.peak_ewma import PeakEwma
from sluicegate.upstream.balance.rendezvous import Rendezvous
from sluicegate.upstream.balance.weighted_round_robin import WeightedRoundRobin
from sluicegate.upstream.balance.zones import ZonePreference
from support.mock_clock import MockClock
from support.targets import Target, targets

Make = Callable[[Sequence[Target]], Balance[Target]]
State = tuple[int, int, bool, bool]

PLAIN: dict[str, Make] = {
    "least_requests": lambda given: LeastRequests(given, Random(7)),
    "weighted_round_robin": WeightedRoundRobin,
    "peak_ewma": lambda given: PeakEwma(given, Random(7), MockClock()),
    "consistent_hash": lambda given: ConsistentHash(given, Random(7), 150),
    "rendezvous": lambda given: Rendezvous(given, Random(7)),
}


def zoned(plain: Make, near: slice, far: slice) -> Make:
    """Put the algorithm on both sides of a preference for some of the targets."""

    def make(given: Sequence[Target]) -> Balance[Target]:
        ours, others = given[near], given[far]
        return ZonePreference(plain(ours), plain(others), ours, others, Random(7))

    return make


ALL, NONE = slice(None), slice(0, 0)
ALGORITHMS: dict[str, Make] = {
    **PLAIN,
    # One side holds everything, so that shares are what they are without zones.
    **{f"{name}_near": zoned(make, ALL, NONE) for name, make in PLAIN.items()},
    **{f"{name}_far": zoned(make, NONE, ALL) for name, make in PLAIN.items()},
}
HALVES: dict[str, Make] = {
    f"{name}_halves": zoned(make, slice(None, None, 2), slice(1, None, 2))
    for name, make in PLAIN.items()
}
KEYS = st.none() | st.integers(0, 2**64 - 1)
STATE = st.tuples(st.integers(0, 3), st.integers(0, 9), st.booleans(), st.booleans())
STATES = st.lists(STATE, max_size=7)
NEARLY = 0.07
"""How far shares may be off: a ring's by 6 % of themselves, whatever else by chance."""


@pytest.fixture(params=ALGORITHMS.values(), ids=ALGORITHMS.keys())
def make(request: pytest.FixtureRequest) -> Make:
    found: Make = request.param
    return found


def shares(balance: Balance[Target], given: list[Target], picks: int) -> list[float]:
    """Return the part of `picks` that each target got while nothing was in flight."""
    draw = Random(11)
    counts = Counter(balance.pick((), draw.getrandbits(64)) for _ in range(picks))
    return [counts[target] / picks for target in given]


@pytest.mark.parametrize("weights", [[1, 1], [1, 1, 1, 1], [5, 1, 1], [3, 2], [100, 1]])
def test_idle_targets_share_by_weight(make: Make, weights: list[int]) -> None:
    given = targets(*weights)
    expected = [weight / sum(weights) for weight in weights]
    assert shares(make(given), given, 5050) == pytest.approx(expected, abs=NEARLY)


def test_calls_without_a_key_are_shared_out_too(make: Make) -> None:
    given = targets(1, 3)
    balance = make(given)
    counts = Counter(balance.pick() for _ in range(4000))
    assert [counts[target] / 4000 for target in given] == pytest.approx([0.25, 0.75], abs=NEARLY)


def settle(given: list[Target], states: list[State]) -> tuple[set[Target], set[Target]]:
    """Put targets into states; return those excluded, and those that can be had."""
    excluded = set()
    for target, (weight, in_flight, available, exclude) in zip(given, states, strict=True):
        target.weight, target.in_flight, target.available = weight, in_flight, available
        if exclude:
            excluded.add(target)
    return excluded, {t for t in given if t.weight and t.available and t not in excluded}


@pytest.mark.parametrize("algorithm", sorted({**ALGORITHMS, **HALVES}))
@given(before=STATES, data=st.data(), key=KEYS)
def test_a_pick_can_be_had_and_none_means_that_there_is_none(
    algorithm: str, before: list[State], data: st.DataObject, key: int | None
) -> None:
    given_targets = targets(*(weight for weight, *_ in before))
    balance = {**ALGORITHMS, **HALVES}[algorithm](given_targets)
    count = len(before)
    after = data.draw(st.lists(STATE, min_size=count, max_size=count))
    for states in (before, after):
        excluded, usable = settle(given_targets, states)
        for _ in range(12):
            picked = balance.pick(excluded, key)
            assert picked in usable if usable else picked is None


def test_a_target_that_goes_away_gets_nothing_and_has_its_share_on_return(make: Make) -> None:
    given = targets(1, 2, 1)
    balance = make(given)
    shares(balance, given, 101)
    given[1].available = False
    assert shares(balance, given, 2000) == pytest.approx([0.5, 0, 0.5], abs=NEARLY)
    given[1].available = True
    assert shares(balance, given, 4000) == pytest.approx([0.25, 0.5, 0.25], abs=NEARLY)


def test_a_changed_weight_holds_from_then_on(make: Make) -> None:
    given = targets(0, 1000, 1)
    balance = make(given)
    shares(balance, given, 101)
    given[0].weight, given[1].weight, given[2].weight = 2, 1, 1
    assert shares(balance, given, 4000) == pytest.approx([0.5, 0.25, 0.25], abs=NEARLY)
    given[0].weight = 0
    assert shares(balance, given, 200)[0] == 0


def test_weights_that_change_all_the_time_are_kept(make: Make) -> None:
    """As during a slow start: each target still gets what its weight was worth on average."""
    given = targets(100, 100, 100, 100)
    balance = make(given)
    draw, counts = Random(5), Counter[Target]()
    for turn in range(4000):
        given[3].weight = 10 + turn % 91
        picked = balance.pick((), draw.getrandbits(64))
        assert picked is not None
        counts[picked] += 1
    found = [counts[target] / 4000 for target in given]
    assert found == pytest.approx([0.282, 0.282, 0.282, 0.155], abs=NEARLY)


def test_excluding_is_for_one_pick(make: Make) -> None:
    given = targets(1, 1)
    balance = make(given)
    assert all(balance.pick((given[0],), key << 60) is given[1] for key in range(16))
    assert 0.4 < shares(balance, given, 1000)[0] < 0.6


@pytest.mark.parametrize("count", [1, 3])
def test_the_last_one_that_takes_calls_gets_them_all(make: Make, count: int) -> None:
    given = targets(*[1] * count)
    balance = make(given)
    for target in given[:-1]:
        target.available = False
    assert {balance.pick() for _ in range(50)} == {given[-1]}
    given[-1].in_flight = 1000
    assert {balance.pick() for _ in range(50)} == {given[-1]}
    given[-1].available = False
    assert balance.pick() is None
    given[-1].available = True
    assert balance.pick(set(given)) is None
    given[-1].weight = 0
    assert balance.pick() is None


@pytest.mark.parametrize("name", ["least_requests", "peak_ewma", "consistent_hash"])
@pytest.mark.parametrize("where", ["", "_near", "_far"])
def test_a_target_with_many_calls_in_flight_gets_less(name: str, where: str) -> None:
    given = targets(1, 1, 1)
    for target in given:
        target.latency.observe(0.02, MockClock().monotonic())
    given[0].in_flight = 50
    assert shares(ALGORITHMS[name + where](given), given, 300)[0] < 0.05


def test_of_no_targets_none_is_picked(make: Make) -> None:
    assert make([]).pick() is None
    assert make([]).pick((), 7) is None
