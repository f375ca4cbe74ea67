from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truth.bounds import (
    SECOND_US,
    Bucket,
    Mode,
    Trouble,
    Window,
    at_least,
    lent,
    of_bucket,
    of_window,
    shares,
)
from truth.evidence import Passed, above_rate, per_window

L = Window(1000)
B = Bucket(rate=20, burst=40)
AWAY = Trouble(aways=1, any_us=10 * SECOND_US, all_us=9 * SECOND_US, workers=6)


@pytest.mark.parametrize("name", ["exact", "leased", "eventual"])
def test_without_trouble_a_window_holds_its_limit_in_every_mode(name: str) -> None:
    assert of_window(L, Mode(name)) == 1000


def test_what_is_lent_adds_to_a_bucket_and_not_where_it_is_strict() -> None:
    assert of_bucket(B, Mode()) == 40
    assert of_bucket(B, Mode("leased")) == 44
    assert of_bucket(B, Mode("leased", lease_percent=50)) == 60
    assert of_bucket(B, Mode("leased", strict=True)) == 40
    assert lent(Bucket(1, 3), Mode("leased")) == 1


@pytest.mark.parametrize(
    ("away", "window", "bucket"),
    [
        ("deny", 1000, 40),
        ("share", 2000, 40 + 2 * 40 + 20),
        ("local", 7000, 40 + 6 * 40 + 6 * 20 * 10),
        ("allow", None, None),
    ],
)
def test_without_the_state_each_limit_is_bounded_as_its_away_says(
    away: str, window: int | None, bucket: int | None
) -> None:
    assert of_window(L, Mode(away=away), AWAY) == window
    assert of_bucket(B, Mode(away=away), AWAY) == bucket


def test_a_short_time_without_the_state_adds_no_more_than_it_is_long() -> None:
    short = Trouble(aways=1, any_us=SECOND_US, all_us=0, workers=6)
    assert of_bucket(B, Mode(), short) == 40 + 40 + 20


def test_some_workers_without_the_state_add_only_their_parts() -> None:
    one_of_three = Trouble(aways=1, any_us=10 * SECOND_US, workers=6, cut_off=2)
    assert of_window(L, Mode(), one_of_three) == 1000 + 334
    assert of_bucket(B, Mode(), one_of_three) == 40 + 14 + 70


def test_each_time_that_the_state_forgets_is_one_more_allowance() -> None:
    assert of_window(L, Mode(), Trouble(losses=2)) == 3000
    assert of_bucket(B, Mode("leased"), Trouble(losses=1)) == 88


def test_parts_add_up_to_the_limit_until_there_are_more_workers_than_seen() -> None:
    assert [shares(10, n, 4) for n in range(5)] == [0, 3, 6, 8, 10]
    assert shares(10, 8, 4) == 24


def test_the_least_of_a_bucket_leaves_out_what_nobody_was_there_to_ask_for() -> None:
    assert at_least(B, 10 * SECOND_US, 0) == 239
    assert at_least(B, 10 * SECOND_US, SECOND_US) == 219
    assert at_least(L, 0, 0, percent=97) == 970


@given(
    seed=st.integers(0, 10_000),
    workers=st.integers(1, 5),
    rate=st.integers(1, 30),
    burst=st.integers(1, 30),
    aways=st.integers(1, 3),
)
def test_workers_that_share_stay_within_the_bound_of_a_bucket(
    seed: int, workers: int, rate: int, burst: int, aways: int
) -> None:
    """Everybody asks all the time; the state goes `aways` times, and returns to each on its own."""
    bucket, draw = Bucket(rate, burst), random.Random(seed)
    out_s, spread_s, whole_s = 2.0, 0.5, 5.0
    edges = [
        [
            (n * whole_s + 1, n * whole_s + 1 + out_s + draw.random() * spread_s)
            for n in range(aways)
        ]
        for _ in range(workers)
    ]
    parts = [
        Bucket(rate, max(1, burst // workers + (place < burst % workers)), SECOND_US * workers)
        for place in range(workers)
    ]
    passed, kept, own = [], Full(bucket), [Full(part) for part in parts]
    for tick in range(int(aways * whole_s * 50)):
        now_us = tick * 20_000
        for place in range(workers):
            away = any(since <= now_us / SECOND_US < until for since, until in edges[place])
            if (own[place] if away else kept).takes(now_us):
                passed.append(Passed(now_us, now_us))
    trouble = Trouble(
        aways=aways,
        any_us=int(((aways - 1) * whole_s + out_s + spread_s) * SECOND_US),
        all_us=int(aways * out_s * SECOND_US),
        workers=workers,
    )
    most = of_bucket(bucket, Mode(), trouble)
    assert most is not None
    assert above_rate(passed, rate, SECOND_US) <= most


@given(st.integers(1, 100), st.integers(1, 7), st.lists(st.booleans(), min_size=10, max_size=60))
def test_workers_that_share_a_window_stay_within_twice_its_limit(
    limit: int, workers: int, away: list[bool]
) -> None:
    window = Window(limit, 10)
    passed = []
    for now_us in range(len(away)):
        if now_us % 10 == 0:
            left = limit
            own = [limit // workers + (place < limit % workers) for place in range(workers)]
        for place in range(workers * 20):
            who = place % workers
            if away[now_us] and own[who]:
                own[who] -= 1
            elif not away[now_us] and left:
                left -= 1
            else:
                continue
            passed.append(Passed(now_us, now_us))
    most = of_window(window, Mode(), Trouble(aways=len(away), workers=workers))
    assert most is not None
    assert max(per_window(passed, 10).values(), default=0) <= most


class Full:
    """A bucket that begins full, in floats: only what is under test is exact."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._left, self._at_us = float(bucket.burst), 0

    def takes(self, now_us: int) -> bool:
        back = self._bucket.rate * (now_us - self._at_us) / self._bucket.period_us
        self._left = min(float(self._bucket.burst), self._left + back)
        self._at_us = now_us
        if self._left < 1 - 1e-9:
            return False
        self._left -= 1
        return True
