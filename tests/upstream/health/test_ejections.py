"""How long a target stays out."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.resilience import Ejection
from sluicegate.model.units import Duration
from sluicegate.upstream.health.ejections import Ejections

EJECTION = Ejection(time=Duration(30), max_time=Duration(100))


def test_times_grow_up_to_the_longest() -> None:
    ejections = Ejections(EJECTION, 0.0)
    assert [ejections.add(1.0) for _ in range(6)] == [30, 60, 90, 100, 100, 100]


@pytest.mark.parametrize(
    ("health_s", "seconds"), [(29, 100), (30, 90), (60, 60), (90, 30), (10_000, 30)]
)
def test_each_time_spent_in_health_makes_up_for_one(health_s: float, seconds: float) -> None:
    ejections = Ejections(EJECTION, 0.0)
    for _ in range(3):
        ejections.add(0.0)
    ejections.back(500.0)
    assert ejections.add(500.0 + health_s) == min(seconds, 100)


def test_the_longest_time_is_not_counted_beyond() -> None:
    ejections = Ejections(EJECTION, 0.0)
    for _ in range(50):
        ejections.add(0.0)
    ejections.back(0.0)
    assert ejections.add(60.0) == 90  # 4 counted, less 2, and this one


def test_time_spent_out_is_not_health() -> None:
    ejections = Ejections(EJECTION, 0.0)
    ejections.add(0.0)
    assert ejections.add(1000.0) == 60


def test_without_a_time_a_target_is_out_for_no_time() -> None:
    for config in (None, Ejection(time=Duration(0))):
        ejections = Ejections(config, 0.0)
        assert [ejections.add(0.0), ejections.add(0.0)] == [0, 0]
        ejections.back(0.0)
        assert ejections.add(9.0) == 0


def test_one_that_resumes_goes_on() -> None:
    before = Ejections(EJECTION, 0.0)
    for _ in range(4):
        before.add(0.0)
    before.back(100.0)
    after = Ejections(EJECTION, 115.0)
    after.resume(before)
    assert after.add(130.0) == 100
    shorter = Ejections(Ejection(time=Duration(10), max_time=Duration(10)), 0.0)
    shorter.resume(after)
    assert shorter.add(200.0) == 10


@given(
    steps=st.lists(st.tuples(st.sampled_from(["add", "back"]), st.integers(0, 50)), max_size=40),
    time_s=st.integers(1, 20),
    max_s=st.integers(0, 90),
)
def test_times_are_those_of_one_who_counts_step_by_step(
    steps: list[tuple[str, int]], time_s: int, max_s: int
) -> None:
    config = Ejection(time=Duration(time_s), max_time=Duration(max_s))
    ejections, now, strikes, well_since = Ejections(config, 0.0), 0, 0, 0.0
    for step, wait in steps:
        now += wait
        if step == "back":
            if well_since == inf:  # a target comes back once
                well_since = now
                ejections.back(now)
            continue
        while strikes and well_since + time_s <= now:
            strikes, well_since = strikes - 1, well_since + time_s
        well_since = inf
        if time_s * strikes <= max_s:
            strikes += 1
        assert ejections.add(now) == min(max_s, time_s * strikes)
