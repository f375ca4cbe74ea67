from __future__ import annotations

from collections import Counter
from math import ceil
from random import Random

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from sluicegate.upstream.balance.consistent_hash import POINTS, ConsistentHash, points_of
from sluicegate.upstream.hash_key import key_of
from support.targets import Target, targets

KEYS = [key_of(str(at).encode()) for at in range(5000)]


def ring(given: list[Target], max_load: int = 125) -> ConsistentHash[Target]:
    return ConsistentHash(given, Random(7), max_load)


def homes(balance: ConsistentHash[Target]) -> list[Target]:
    found = [balance.pick((), key) for key in KEYS]
    assert None not in found
    return [target for target in found if target is not None]


def moved(before: list[Target], after: list[Target]) -> float:
    """Return the part of the keys that have another target."""
    return sum(one is not two for one, two in zip(before, after, strict=True)) / len(KEYS)


def test_a_key_has_one_target_and_keys_have_all() -> None:
    given = targets(1, 1, 1, 1, 1)
    found = homes(ring(given))
    assert homes(ring(given)) == found
    assert homes(ring(given[::-1])) == found
    counts = Counter(found)
    assert [counts[target] / 5000 for target in given] == pytest.approx([0.2] * 5, rel=0.2)


def test_every_process_of_every_version_finds_the_same() -> None:
    given = targets(1, 1, 1)
    balance = ring(given)
    users = [b"anna", b"bela", b"cleo", b"dora", b"emil", b"fina", b"gert", b"hugo"]
    found = [given.index(balance.pick((), key_of(user)) or given[0]) for user in users]
    assert found == [2, 2, 2, 1, 1, 0, 0, 1]
    assert points_of("10.0.0.0:8000")[:2] == (
        0xB734EA018B1A0D36,
        0xE89F267A29883C47,
    )


@pytest.mark.parametrize("count", [2, 10, 40])
def test_when_one_goes_its_keys_move_and_no_others(count: int) -> None:
    given = targets(*[1] * count)
    balance = ring(given)
    before = homes(balance)
    given[0].available = False
    after = homes(balance)
    assert all(one is two for one, two in zip(before, after, strict=True) if one is not given[0])
    assert moved(before, after) == pytest.approx(1 / count, rel=0.35)
    # They are taken by many others, not by one neighbour.
    heirs = Counter(two for one, two in zip(before, after, strict=True) if one is given[0])
    assert len(heirs) > (count - 1) * 0.9
    given[0].available = True
    assert homes(balance) == before


def test_when_one_is_added_keys_move_to_it_only() -> None:
    given = targets(*[1] * 10)
    before, after = homes(ring(given[:9])), homes(ring(given))
    assert all(two is given[9] for one, two in zip(before, after, strict=True) if one is not two)
    assert moved(before, after) == pytest.approx(0.1, rel=0.35)


def test_while_a_weight_rises_keys_move_to_that_target_only() -> None:
    given = targets(100, 100, 100, 100)
    balance = ring(given)
    given[2].weight = 10
    before = homes(balance)
    for weight in (20, 50, 51, 100):
        given[2].weight = weight
        after = homes(balance)
        changed = {two for one, two in zip(before, after, strict=True) if one is not two}
        assert changed <= {given[2]}
        before = after


def test_while_the_heaviest_starts_slowly_the_others_keep_their_keys() -> None:
    given = targets(400, 100, 100)
    balance = ring(given)
    whole = homes(balance)
    given[0].weight = 40
    tenth = homes(balance)
    pairs = zip(whole, tenth, strict=True)
    assert all(one is two for one, two in pairs if one is not given[0])
    assert 0.02 < tenth.count(given[0]) / len(KEYS) < 0.35


def test_a_lighter_target_has_fewer_keys() -> None:
    given = targets(4, 2, 1, 1)
    counts = Counter(homes(ring(given)))
    shares = [counts[target] / 5000 for target in given]
    assert shares == pytest.approx([0.5, 0.25, 0.125, 0.125], rel=0.25)


def test_when_all_have_become_light_they_have_all_their_points() -> None:
    given = targets(1000, 1000, 1000)
    before = homes(ring(given))
    balance = ring(given)
    for target in given:
        target.weight = 1
    homes(balance)
    assert homes(balance) == before


def test_a_key_that_everybody_uses_is_shared_out() -> None:
    given = targets(1, 1, 1, 1)
    balance = ring(given)
    order: list[Target] = []
    for _ in range(40):
        target = balance.pick((), KEYS[0])
        assert target is not None
        target.in_flight += 1
        order.append(target)
    # At most ceil(1.25 * 40 / 4) each; the last on the way around the ring has what is left.
    assert sorted(target.in_flight for target in given) == [2, 12, 13, 13]
    assert order[0] is Counter(order).most_common()[0][0]


@given_any(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=6),
    st.integers(100, 300),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=120),
)
def test_no_target_ever_gets_more_than_its_bound(
    states: list[tuple[int, bool]], max_load: int, calls: list[tuple[int, int]]
) -> None:
    """Calls of few keys begin, and end, in any order."""
    given = targets(*(weight for weight, _ in states))
    for target, (_, available) in zip(given, states, strict=True):
        target.available = available
    usable = [target for target in given if target.available and target.weight]
    balance = ring(given, max_load)
    for key, ends in calls:
        target = balance.pick((), KEYS[key])
        if target is None:
            assert not usable
            continue
        total = sum(each.in_flight for each in usable) + 1
        share = target.weight / sum(each.weight for each in usable)
        target.in_flight += 1
        if len(given) > 1:
            assert target.in_flight <= ceil(round(max_load / 100 * total * share, 6))
        leaving = given[ends % len(given)]
        leaving.in_flight = max(0, leaving.in_flight - ends // 2)


def test_calls_in_flight_at_one_that_is_away_leave_the_others_no_more_room() -> None:
    given = targets(1, 1, 1)
    given[0].available, given[0].in_flight = False, 1000
    given[1].in_flight, given[2].in_flight = 5, 2
    assert set(homes(ring(given))) == {given[2]}


def test_an_address_that_is_written_twice_is_two_targets() -> None:
    given = [Target(1, "a:80"), Target(1, "a:80")]
    counts = Counter(homes(ring(given)))
    assert min(counts.values()) > 2000
    assert len(counts) == 2


def test_points_are_as_many_as_they_should_be() -> None:
    found = points_of("a:80")
    assert len(set(found)) == POINTS
    assert all(0 <= point < 2**64 for point in found)
