from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.balance.weighted_round_robin import WeightedRoundRobin
from support.targets import Target as AnyTarget


class Target(AnyTarget):
    """A target with a name of one letter."""

    def __init__(self, name: str, weight: int) -> None:
        super().__init__(weight, name)
        self.name = name


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


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=6), st.data())
def test_after_a_change_of_weights_nobody_waits_longer_than_two_rounds(
    weights: list[int], data: st.DataObject
) -> None:
    targets = [Target(str(at), weight) for at, weight in enumerate(weights)]
    balance = WeightedRoundRobin(targets)
    names(balance, data.draw(st.integers(0, 50)))
    for target in targets:
        target.weight = data.draw(st.integers(1, 5))
    found = names(balance, 2 * sum(target.weight for target in targets) + len(targets))
    assert set(found) == {target.name for target in targets}


def test_weights_that_change_at_every_pick_leave_nobody_out() -> None:
    targets = [Target(name, 100) for name in "abcd"]
    balance = WeightedRoundRobin(targets)
    found = ""
    for turn in range(40):
        targets[0].weight = 50 + turn
        found += names(balance, 1)
    assert min(Counter(found)[name] for name in "bcd") >= 10
