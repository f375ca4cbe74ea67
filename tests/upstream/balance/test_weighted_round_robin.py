from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.balance.weighted_round_robin import WeightedRoundRobin


@dataclass(eq=False)
class Target:
    name: str
    weight: int
    in_flight: int = 0
    available: bool = True


def names(balance: WeightedRoundRobin[Target], picks: int) -> str:
    picked = [balance.pick() for _ in range(picks)]
    return "".join(target.name for target in picked if target is not None)


def test_calls_are_spread_out_and_not_bunched() -> None:
    balance = WeightedRoundRobin([Target("a", 5), Target("b", 1), Target("c", 1)])
    assert names(balance, 14) == "aabacaa" * 2


def test_equal_weights_take_turns() -> None:
    balance = WeightedRoundRobin([Target(name, 7) for name in "abc"])
    assert names(balance, 7) == "abcabca"


@given(st.lists(st.integers(0, 12), min_size=2, max_size=6).filter(any))
def test_over_a_cycle_every_target_has_exactly_its_share(weights: list[int]) -> None:
    targets = [Target(str(at), weight) for at, weight in enumerate(weights)]
    balance = WeightedRoundRobin(targets)
    for _ in range(2):
        counts = Counter(balance.pick() for _ in range(sum(weights)))
        assert [counts[target] for target in targets] == weights


@given(st.lists(st.integers(1, 12), min_size=2, max_size=6), st.integers(1, 60))
def test_no_target_is_ever_a_whole_round_ahead_of_its_share(weights: list[int], picks: int) -> None:
    targets = [Target(str(at), weight) for at, weight in enumerate(weights)]
    balance = WeightedRoundRobin(targets)
    counts = Counter(balance.pick() for _ in range(picks))
    for target in targets:
        share = picks * target.weight / sum(weights)
        assert abs(counts[target] - share) < len(weights)


def test_who_was_away_is_neither_owed_nor_owes() -> None:
    targets = [Target("a", 1), Target("b", 1)]
    balance = WeightedRoundRobin(targets)
    targets[0].available = False
    assert names(balance, 20) == "b" * 20
    targets[0].available = True
    assert names(balance, 6) in ("ababab", "bababa")
