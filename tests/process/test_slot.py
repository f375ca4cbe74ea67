from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.process.slot import Slot, Timings, restart_delay

TIMINGS = Timings()


def slot(now: float = 0.0) -> Slot:
    return Slot(0, TIMINGS, now)


def test_a_new_slot_is_due_at_once() -> None:
    assert slot(5.0).due(5.0)


def test_the_first_restart_is_at_once_and_the_next_ones_wait_longer_each_time() -> None:
    delays = [restart_delay(failures) for failures in range(10)]
    assert delays == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


@given(st.integers(0, 10_000))
def test_no_restart_waits_longer_than_ten_seconds(failures: int) -> None:
    assert 0 <= restart_delay(failures) <= 10


def test_a_worker_that_keeps_crashing_is_started_at_growing_distances() -> None:
    one, now, starts = slot(), 0.0, []
    for _ in range(5):
        while not one.due(now):
            now += 0.01
        starts.append(now)
        one.began(now)
        one.lost(now)
    gaps = [b - a for a, b in pairwise(starts)]
    assert gaps == pytest.approx([0, 0.1, 0.2, 0.4], abs=0.011)


def test_a_minute_of_health_forgets_earlier_crashes() -> None:
    one = slot()
    for _ in range(4):
        one.began(0)
        one.lost(0)
    one.began(10)
    one.became_ready(10)
    one.lost(70)
    assert one.due(70)


def test_less_than_a_minute_of_health_forgets_nothing() -> None:
    one = slot()
    for _ in range(4):
        one.began(0)
        one.lost(0)
    one.began(10)
    one.became_ready(10)
    one.lost(69)
    assert not one.due(69.7)
    assert one.due(69.9)


def test_a_worker_that_is_silent_for_ten_seconds_is_to_be_killed() -> None:
    one = slot()
    one.began(0)
    one.heard(3)
    assert not one.silent(13)
    assert one.silent(13.1)


def test_a_worker_is_late_before_it_is_silent() -> None:
    one = slot()
    one.began(0)
    assert not one.late(2)
    assert one.late(3)
    assert not one.silent(3)


def test_time_in_which_the_supervisor_stood_still_is_not_held_against_a_worker() -> None:
    one = slot()
    one.began(0)
    one.heard(0)
    one.forgive(100)
    assert not one.silent(105)
    assert one.silent(111)


def test_a_slot_without_a_worker_is_orphaned_after_a_second() -> None:
    one = slot()
    one.began(0)
    one.became_ready(1)
    one.lost(50)
    one.began(50)
    assert not one.orphaned(50.9)
    assert one.orphaned(51)


def test_a_slot_that_was_adopted_is_not_given_away_twice() -> None:
    one, sibling = slot(), slot()
    one.adopter = sibling
    assert not one.orphaned(100)


def test_a_slot_whose_worker_is_ready_is_nobodys_orphan() -> None:
    one = slot()
    one.began(0)
    one.became_ready(0)
    assert not one.orphaned(100)


def test_a_process_has_a_minute_until_it_is_first_heard() -> None:
    one = slot()
    one.began(0)
    assert not one.silent(60)
    assert one.silent(60.1)
    one.heard(5)
    assert one.silent(15.1)
    one.lost(20)
    one.began(20)
    assert not one.silent(79)
