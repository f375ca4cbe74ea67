from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.latency import FAILED_S, TAU_S, Latency

SAMPLES = st.lists(st.tuples(st.floats(0, 60), st.floats(0, 100)), min_size=1, max_size=20)


def seen(*samples: tuple[float, float]) -> Latency:
    made = Latency()
    for seconds, now in samples:
        made.observe(seconds, now)
    return made


def test_of_a_new_target_nothing_is_known() -> None:
    assert Latency().at(1000.0) == 0


def test_one_slow_answer_is_believed_at_once() -> None:
    assert seen((0.01, 100.0), (2.0, 100.1)).at(100.1) == 2.0


def test_fast_answers_are_believed_little_by_little() -> None:
    made = seen((1.0, 100.0))
    made.observe(0.01, 101.0)
    assert made.at(101.0) == pytest.approx(0.906, abs=0.001)
    for second in range(102, 161):
        made.observe(0.01, float(second))
    assert made.at(160.0) < 0.02


def test_what_is_not_heard_of_is_forgotten() -> None:
    made = seen((1.0, 100.0))
    assert made.at(100.0 + TAU_S) == pytest.approx(0.368, abs=0.001)
    assert made.at(200.0) < 0.0001
    assert made.at(100_000.0) == 0


def test_looking_changes_nothing() -> None:
    made = seen((1.0, 100.0))
    assert [made.at(150.0), made.at(110.0), made.at(150.0)] == [
        made.at(150.0),
        made.at(110.0),
        made.at(150.0),
    ]


def test_a_failure_at_once_is_slow_and_a_late_one_slower() -> None:
    made = seen((0.01, 100.0))
    made.failed(0.0001, 101.0)
    assert made.at(101.0) == FAILED_S
    made.failed(5.0, 102.0)
    assert made.at(102.0) == 5.0


def test_time_that_seems_to_go_back_makes_nothing_slower() -> None:
    made = seen((1.0, 100.0))
    assert made.at(99.0) == 1.0
    made.observe(0.5, 99.0)
    assert made.at(99.0) == 1.0


@given(SAMPLES)
def test_it_is_never_above_the_slowest_nor_below_the_decayed_latest(
    steps: list[tuple[float, float]],
) -> None:
    made, now = Latency(), 1000.0
    for seconds, later in steps:
        now += later
        before = made.at(now)
        made.observe(seconds, now)
        assert made.at(now) >= min(seconds, before) * 0.999
        assert made.at(now) <= max(earlier for earlier, _ in steps) * 1.001
