from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from sluicegate.upstream.balance.consistent_hash import ConsistentHash
from sluicegate.upstream.balance.weighted_round_robin import WeightedRoundRobin
from sluicegate.upstream.balance.zones import ZonePreference, ability
from support.targets import Target, targets

KEYS = [(Random(3).getrandbits(64) + at * 0x9E3779B97F4A7C15) % 2**64 for at in range(3000)]


def preferring(near: list[Target], far: list[Target]) -> ZonePreference[Target]:
    return ZonePreference(WeightedRoundRobin(near), WeightedRoundRobin(far), near, far, Random(7))


def near_share(balance: ZonePreference[Target], near: list[Target], picks: int = 4000) -> float:
    found = Counter(balance.pick() for _ in range(picks))
    assert None not in found
    return sum(found[target] for target in near) / picks


def lose(given: list[Target], percent: int) -> None:
    for target in given[: len(given) * percent // 100]:
        target.available = False


@pytest.mark.parametrize(
    ("lost_near", "lost_far", "share"),
    # Envoy's table of two priorities: "Priority levels", load balancing.
    [(0, 0, 1), (25, 0, 1), (50, 0, 0.7), (75, 0, 0.35), (100, 0, 0),
     (50, 50, 0.7), (75, 75, 0.5), (0, 100, 1), (75, 100, 1), (50, 75, 0.7)],
)  # fmt: skip
def test_the_own_zone_takes_what_it_can_and_others_the_rest(
    lost_near: int, lost_far: int, share: float
) -> None:
    near, far = targets(*[1] * 8), targets(*[1] * 8)
    balance = preferring(near, far)
    near_share(balance, near, 100)
    lose(near, lost_near)
    lose(far, lost_far)
    assert near_share(balance, near) == pytest.approx(share, abs=0.03)


def test_it_is_weight_that_counts_and_not_the_number_of_targets() -> None:
    near, far = targets(6, 1, 1, 0), targets(1)
    near[0].available = False
    assert near_share(preferring(near, far), near) == pytest.approx(1.4 * 2 / 8, abs=0.03)


def test_on_return_all_calls_come_home() -> None:
    near, far = targets(1, 1), targets(1, 1)
    balance = preferring(near, far)
    lose(near, 100)
    assert near_share(balance, near) == 0
    for target in near:
        target.available = True
    near_share(balance, near, 4)
    assert near_share(balance, near) == 1


def test_an_attempt_elsewhere_crosses_zones_where_it_must() -> None:
    near, far = targets(1), targets(1)
    balance = preferring(near, far)
    assert balance.pick() is near[0]
    assert balance.pick({near[0]}) is far[0]
    assert balance.pick({near[0], far[0]}) is None


def test_a_key_keeps_its_side_and_few_change_it() -> None:
    near, far = targets(*[1] * 8), targets(*[1] * 8)
    rings = ConsistentHash(near, Random(7)), ConsistentHash(far, Random(7))
    balance = ZonePreference(*rings, near, far, Random(7))
    homes = []
    for lost in (0, 50, 50, 75):
        lose(near, lost)
        for _ in range(16):
            balance.pick()
        homes.append([balance.pick((), key) for key in KEYS])
    assert set(homes[0]) <= set(near)
    assert homes[1] == homes[2]
    gone = sum(home in far for home in homes[1]) / len(KEYS)
    assert gone == pytest.approx(0.3, abs=0.03)
    # Whoever had left by then has stayed where it went.
    assert all(two is one for one, two in zip(homes[1], homes[3], strict=True) if one in far)
    # Those that left come from everywhere on the ring, so that far targets share them evenly.
    counts = Counter(home for home in homes[3] if home in far)
    assert len(counts) == 8
    assert max(counts.values()) < 2 * min(counts.values())


def test_the_side_is_not_chosen_by_what_chooses_the_place_on_the_ring() -> None:
    near, far = targets(1, 1), targets(1, 1)
    balance = preferring(near, far)
    near[0].available = False
    upper = 2**32 - 1
    assert all(balance.pick((), place << 32) in near for place in (0, upper // 2, upper))
    assert all(balance.pick((), (place << 32) + upper) in far for place in (0, upper // 2, upper))


@given_any(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=8))
def test_ability_is_a_share(states: list[tuple[int, bool]]) -> None:
    given = targets(*(weight for weight, _ in states))
    for target, (_, available) in zip(given, states, strict=True):
        target.available = available
    found = ability(given)
    assert 0 <= found <= 1
    assert (found > 0) == any(target.available and target.weight for target in given)
