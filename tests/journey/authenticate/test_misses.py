from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.authenticate.misses import GRANTED, OVER_ALL, OVER_SHARE, Misses

START = 1000.0


def granted(misses: Misses, address: str, count: int, now: float = START) -> int:
    return sum(misses.take(address, now) == GRANTED for _ in range(count))


@given(
    per_s=st.floats(0.1, 500),
    seed=st.integers(0, 1000),
    seconds=st.integers(1, 5),
)
def test_no_more_are_granted_than_the_rate_and_one_second_at_once(
    per_s: float, seed: int, seconds: int
) -> None:
    random, misses = Random(seed), Misses(per_s)
    count = sum(
        misses.take(f"192.0.{random.randrange(200)}.1", START + turn * seconds / 500) == GRANTED
        for turn in range(500)
    )
    assert count <= max(1, per_s) + per_s * seconds + 1e-6


def test_alone_a_network_gets_all_but_what_is_kept_for_others() -> None:
    misses = Misses(100)
    assert granted(misses, "192.0.2.1", 1000) == 51
    assert misses.take("192.0.2.99", START) == OVER_SHARE  # the same /24
    taken = sum(granted(misses, "192.0.2.1", 100, START + s / 10) for s in range(1, 51))
    assert taken == pytest.approx(500, abs=2)


def test_a_flood_from_one_network_leaves_all_others_their_share() -> None:
    """Nine networks that ask within their shares are never refused, whoever floods beside them."""
    misses = Misses(100)
    seen: Counter[tuple[str, int]] = Counter()
    for turn in range(10_000):
        now = START + turn / 1000
        seen["flood", misses.take("203.0.113.9", now)] += 1
        if turn % 100 < 9:
            name = f"198.51.{turn % 100}.1"
            seen["others", misses.take(name, now)] += 1
    assert seen["others", GRANTED] == 900
    assert seen["others", OVER_SHARE] == seen["others", OVER_ALL] == 0
    assert seen["flood", GRANTED] == pytest.approx(
        150, abs=5
    )  # half a second's worth, then a tenth
    assert seen["flood", OVER_ALL] == 0


def test_when_many_networks_want_too_much_who_is_within_its_share_is_told_that_it_is_all() -> None:
    misses = Misses(10)
    verdicts = [misses.take(f"192.0.{n}.1", START) for n in range(12)]
    assert verdicts == [GRANTED] * 10 + [OVER_ALL] * 2
    assert misses.take("192.0.1.1", START) == OVER_SHARE


def test_networks_are_24_bits_of_ipv4_and_56_of_ipv6() -> None:
    misses = Misses(10)
    for _ in range(6):
        misses.take("2001:db8:0:1::1", START)
    assert misses.take("2001:db8:0:ff::2", START) == OVER_SHARE
    assert misses.take("2001:db8:0:100::1", START) == GRANTED
    assert misses.take("unix", START) == GRANTED


def test_less_than_one_a_second_is_still_one_now_and_then() -> None:
    misses = Misses(0.25)
    assert [misses.take("192.0.2.1", START + s) == GRANTED for s in range(9)] == [
        True, False, False, False, True, False, False, False, True,
    ]  # fmt: skip


def test_a_network_is_forgotten_once_its_share_is_full_again() -> None:
    misses = Misses(1000)
    for number in range(500):
        misses.take(f"192.{number // 250}.{number % 250}.1", START)
    assert misses.networks == 500
    misses.take("198.51.100.1", START + 1)
    assert misses.networks == 1


def test_what_nobody_waits_for_takes_only_from_plenty() -> None:
    misses = Misses(10)
    assert [misses.take_spare(START) for _ in range(7)] == [True] * 6 + [False]
    assert misses.take("192.0.2.1", START) == GRANTED
    assert not misses.take_spare(START)
    assert misses.take_spare(START + 1)


def test_a_time_that_goes_back_gives_nothing() -> None:
    misses = Misses(1)
    assert misses.take("192.0.2.1", START) == GRANTED
    assert misses.take("198.51.100.1", START - 100) == OVER_ALL
    assert misses.take("198.51.100.1", START + 0.5) == OVER_ALL
