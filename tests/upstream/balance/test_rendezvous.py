from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from sluicegate.upstream.balance.rendezvous import Rendezvous
from sluicegate.upstream.hash_key import key_of
from support.targets import Target, targets

KEYS = [key_of(str(at).encode()) for at in range(4000)]


def homes(given: list[Target]) -> list[Target]:
    balance = Rendezvous(given, Random(7))
    found = [balance.pick((), key) for key in KEYS]
    assert None not in found
    return [target for target in found if target is not None]


def moved(before: list[Target], after: list[Target]) -> list[tuple[Target, Target]]:
    pairs = zip(before, after, strict=True)
    return [(one, two) for one, two in pairs if one is not two]


def test_a_key_has_one_target_whatever_the_order_they_are_written_in() -> None:
    given = targets(1, 1, 1)
    assert homes(given) == homes(given) == homes(given[::-1])


def test_targets_have_keys_in_proportion_to_their_weights() -> None:
    given = targets(1, 2, 5)
    counts = Counter(homes(given))
    assert [counts[target] / 4000 for target in given] == pytest.approx(
        [0.125, 0.25, 0.625], abs=0.03
    )


def test_of_a_target_that_goes_away_its_keys_move_and_no_others() -> None:
    given = targets(1, 1, 1, 1)
    before = homes(given)
    given[2].available = False
    changes = moved(before, homes(given))
    assert {one for one, _ in changes} == {given[2]}
    assert {two for _, two in changes} == {given[0], given[1], given[3]}


def test_of_a_weight_that_rises_keys_move_to_that_target_only() -> None:
    given = targets(1, 1, 1)
    before = homes(given)
    given[0].weight = 3
    assert {two for _, two in moved(before, homes(given))} == {given[0]}


def test_every_process_of_every_version_finds_the_same() -> None:
    given = targets(1, 1, 1)
    balance = Rendezvous(given, Random(7))
    users = [b"anna", b"bela", b"cleo", b"dora", b"emil", b"fina", b"gert", b"hugo"]
    found = [given.index(balance.pick((), key_of(user)) or given[0]) for user in users]
    assert found == [1, 2, 1, 2, 0, 1, 0, 1]


def test_two_of_one_label_are_two_targets() -> None:
    given = [Target(1, "a:80"), Target(1, "a:80")]
    counts = Counter(homes(given))
    assert min(counts[target] for target in given) > 1600
