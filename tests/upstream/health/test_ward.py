"""All targets of one service: how many may be out, and who hears what."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sluicegate.model.resilience import Breaker, Check, Ejection
from sluicegate.model.units import Duration
from sluicegate.upstream.health.standing import NO_TERM
from support.standings import Wardroom

LABELS = "abcdefgh"
BREAKER = Breaker(window=8, min_calls=4, failures=50, open=Duration(20), probes=3)
EJECTION = Ejection(consecutive=2, time=Duration(10), max_time=Duration(40))


def opened(**more: Any) -> Wardroom:
    """A target whose breaker has just opened, and a sibling."""
    ward = Wardroom("a", "b", breaker=BREAKER, **more)
    ward.fail("a", 4)
    assert ward["a"].state == "out"
    return ward


def room(targets: int, max_share: int = 50) -> Wardroom:
    return Wardroom(*LABELS[:targets], ejection=Ejection(consecutive=1, max_share=max_share))


@pytest.mark.parametrize(
    ("targets", "max_share", "out"),
    [
        (1, 50, 0),
        (1, 100, 0),  # a sole target is never out for what it answers
        (2, 50, 1),
        (2, 49, 0),  # rounded down
        (3, 50, 1),
        (4, 50, 2),
        (5, 40, 2),
        (5, 39, 1),
        (4, 100, 3),  # nor the last one
        (8, 0, 0),
    ],
)
def test_so_many_targets_may_be_out_for_their_answers(
    targets: int, max_share: int, out: int
) -> None:
    ward = room(targets, max_share)
    for label in LABELS[:targets]:
        ward.fail(label, 3)
    assert ward.states().count("out") == out
    assert ward.states().count("in") == targets - out


@given(
    targets=st.integers(1, 6),
    max_share=st.integers(0, 100),
    failing=st.lists(st.tuples(st.sampled_from(LABELS[:6]), st.booleans()), max_size=30),
)
def test_answers_never_take_out_more_than_the_share(
    targets: int, max_share: int, failing: list[tuple[str, bool]]
) -> None:
    ward = room(targets, max_share)
    for label, gone in failing:
        if label in LABELS[:targets]:
            before = ward.states().count("out")
            ward.fail(label, 1, unreachable=gone)
            after = ward.states().count("out")
            if after > before and not gone:
                assert 100 * after <= max_share * targets
                assert after < targets


def test_what_cannot_be_reached_goes_out_whatever_the_share() -> None:
    ward = room(1)
    ward.fail("a", 1, unreachable=True)
    assert ward.states() == ["out"]


def test_targets_with_weight_0_do_not_count() -> None:
    ward = room(2)
    ward["b"].target.weight = 0
    ward.fail("a", 5)
    assert ward.states() == ["in", "in"]


def test_a_target_on_trial_counts_as_out() -> None:
    ward = Wardroom("a", "b", ejection=EJECTION)
    ward.fail("a", 2)
    ward.advance(10)
    assert ward["a"].state == "trial"
    ward.fail("b", 4)
    assert ward["b"].state == "in"
    ward.call("a")
    ward.fail("b", 1)
    assert ward.states() == ["in", "out"]


def test_a_target_that_is_down_counts_as_out() -> None:
    ward = Wardroom("a", "b", ejection=EJECTION, check=Check())
    ward.hear("a", "down")
    ward.fail("b", 4)
    assert ward.states() == ["down", "in"]


def test_news_reach_the_target_that_they_are_about() -> None:
    ward = Wardroom("a", "b", "c", ejection=EJECTION)
    ward.hear("b", "out", "ejected", 5.0)
    ward.hear("unknown", "out", "ejected", 5.0)
    assert ward.states() == ["in", "out", "in"]
    assert ward.told == []


def test_a_sibling_takes_a_target_out_here_too() -> None:
    ward = Wardroom("a", "b", breaker=BREAKER, ejection=EJECTION)
    ward.hear("a", "out", "ejected", 7.0)
    ward.hear("b", "out", "open", 9.0)
    assert [ward["a"].left(), ward["b"].left()] == [7, 9]
    assert ward.told == []  # who sent it tells everybody


def test_a_sibling_cannot_take_out_more_than_the_share() -> None:
    ward = Wardroom("a", "b", breaker=BREAKER, ejection=EJECTION)
    ward.fail("a", 2)
    ward.hear("b", "out", "ejected", 10.0)
    assert ward.states() == ["out", "in"]
    ward.hear("b", "out", "ejected", 10.0, unreachable=True)
    assert ward.states() == ["out", "out"]


def test_of_two_times_out_the_later_end_counts() -> None:
    ward = opened()
    ward.hear("a", "out", "open", 5.0)
    assert ward["a"].left() == 20
    ward.hear("a", "out", "open", 33.0)
    assert ward["a"].left() == 33
    assert ward.metric("target_out_total", "a", "open") == 1


def test_a_trial_ends_when_it_failed_at_a_sibling() -> None:
    ward = opened()
    ward.advance(20)
    term = ward["a"].begin()
    ward.hear("a", "out", "open", 6.0)
    ward["a"].ended(term, False)
    assert (ward["a"].state, ward["a"].left()) == ("out", 6)


@pytest.mark.parametrize("event", ["back", "up"])
def test_a_probe_or_check_that_does_well_ends_the_time_out(event: str) -> None:
    ward = opened(check=Check())
    ward.hear("a", event)
    ward.hear("b", event)
    assert ward.states() == ["trial", "in"]
    assert ward.available("a")
    ward.hear("a", event)  # a trial goes on
    ward.call("a")
    ward.hear("a", event)
    ward.call("a")
    ward.call("a")
    assert ward["a"].state == "in"


def test_down_is_above_everything_and_up_uncovers_it() -> None:
    ward = Wardroom("a", "b", breaker=BREAKER, check=Check())
    late = ward["a"].begin()
    ward.hear("a", "down")
    ward.hear("a", "down")
    for _ in range(9):
        ward["a"].ended(late, True)
    assert (ward["a"].state, ward.available("a")) == ("down", False)
    assert ward["a"].begin() == NO_TERM
    ward.hear("a", "up")
    assert (ward["a"].state, ward.available("a")) == ("in", True)
    assert ward.returns == ["a"]
    ward.hear("a", "up")
    assert ward.returns == ["a"]


@pytest.mark.parametrize("before_s", [0, 20])
@pytest.mark.parametrize("down_s", [1, 100])
def test_a_target_that_was_out_or_on_trial_is_tried_when_it_is_up(
    before_s: float, down_s: float
) -> None:
    ward = opened(check=Check())
    ward.advance(before_s)
    ward.hear("a", "down")
    ward.hear("a", "back")
    ward.advance(down_s)
    assert (ward["a"].state, ward.available("a")) == ("down", False)
    ward.hear("a", "up")
    assert (ward["a"].state, ward.available("a")) == ("trial", True)
    ward.fail("a", 1)
    assert ward["a"].state == "out"


def test_out_while_down_is_remembered() -> None:
    ward = Wardroom("a", breaker=BREAKER, check=Check())
    ward.hear("a", "down")
    ward.hear("a", "out", "open", 60.0)
    assert ward["a"].state == "down"
    ward.hear("a", "up")
    assert ward["a"].state == "trial"


def test_clients_are_told_when_the_next_target_may_be_tried() -> None:
    ward = Wardroom("a", "b", breaker=Breaker(min_calls=2), check=Check(interval=Duration(20)))
    assert ward.ward.retry_after() == 1
    ward.fail("a", 2)
    ward.fail("b", 1)
    ward.advance(10)
    assert ward.ward.retry_after() == 1
    ward.fail("b", 1)
    assert ward.ward.retry_after() == 50
    ward.advance(20.5)
    assert ward.ward.retry_after() == 30
    ward["a"].target.weight = 0
    assert ward.ward.retry_after() == 40
    ward.advance(39.4)
    assert ward.ward.retry_after() == 1
    ward.hear("b", "down")  # checked every half second
    assert ward.ward.retry_after() == 1


def test_replicas_do_not_return_at_the_same_instant() -> None:
    times = set()
    for seed in range(20):
        ward = Wardroom("a", breaker=Breaker(min_calls=2), random=Random(seed))
        ward.fail("a", 2)
        times.add(ward.told[0].seconds)
        assert ward["a"].left() == pytest.approx(ward.told[0].seconds)
    assert len(times) == 20
    assert 60 <= min(times) < 61.5
    assert 64.5 < max(times) <= 66


def test_metrics_and_log_tell_each_turn_once() -> None:
    with capture_logs() as logs:
        ward = Wardroom("a", "b", ejection=EJECTION, check=Check())
        seen = [gauges(ward)]
        ward.fail("a", 2)
        seen.append(gauges(ward))
        ward.advance(10)
        seen.append(gauges(ward))
        ward.call("a")
        seen.append(gauges(ward))
        ward.hear("a", "down")
        seen.append(gauges(ward))
        ward.hear("a", "up")
        seen.append(gauges(ward))
        ward["a"].set_aside(3)
        seen.append(gauges(ward))
    assert seen == [(1, 0), (0, 2), (1, 1), (1, 0), (0, 0), (1, 0), (0, 2)]
    counts = [ward.metric("target_out_total", "a", why) for why in ("ejected", "down", "asked")]
    assert counts == [1, 1, 1]
    assert ward.metric("target_returned_total", "a") == 2
    assert [(line["event"], line.get("cause")) for line in logs] == [
        ("target_out", "ejected"),
        ("target_on_trial", None),
        ("target_returned", None),
        ("target_out", "down"),
        ("target_returned", None),
        ("target_out", "asked"),
    ]
    assert logs[0] == {
        "event": "target_out",
        "log_level": "warning",
        "service": "s",
        "target": "a",
        "cause": "ejected",
        "seconds": 10,
        "unreachable": False,
    }


def gauges(ward: Wardroom) -> tuple[float, float]:
    return ward.metric("target_available", "a"), ward.metric("breaker_state", "a")
