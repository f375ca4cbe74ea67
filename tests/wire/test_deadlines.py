from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest
from structlog.testing import capture_logs

from sluicegate.wire.deadlines import AT_LEAST_S, Deadlines, within
from support.mock_clock import MockClock


class Thing:
    def __init__(self, deadline: float, act: Callable[[float], object] | None = None) -> None:
        self.deadline = deadline
        self.act = act
        self.calls: list[float] = []

    def expired(self, now: float) -> None:
        self.calls.append(now)
        self.deadline = inf
        if self.act is not None:
            self.act(now)


@pytest.fixture
def clock() -> MockClock:
    return MockClock()


@pytest.fixture
def deadlines(clock: MockClock) -> Deadlines:
    made = Deadlines(clock)
    made.start()
    return made


def test_a_deadline_fires_at_the_first_tick_at_or_after_it(
    clock: MockClock, deadlines: Deadlines
) -> None:
    start = clock.monotonic()
    exact, between = Thing(start + 1.0), Thing(start + 1.05)
    deadlines.watch(exact)
    deadlines.watch(between)
    clock.advance(0.9)
    assert exact.calls == []
    clock.advance(0.1)
    assert exact.calls == [start + 1.0]
    assert between.calls == []
    clock.advance(0.1)
    assert between.calls == [start + 1.1]


def test_it_fires_again_each_tick_until_the_deadline_is_moved(
    clock: MockClock, deadlines: Deadlines
) -> None:
    thing = Thing(0.0)
    thing.act = lambda now: setattr(thing, "deadline", now if len(thing.calls) < 3 else inf)
    deadlines.watch(thing)
    clock.advance(1.0)
    assert len(thing.calls) == 3


def test_no_deadline_never_fires(clock: MockClock, deadlines: Deadlines) -> None:
    thing = Thing(inf)
    deadlines.watch(thing)
    clock.advance(3600)
    assert thing.calls == []


def test_moving_a_deadline_is_a_plain_store(clock: MockClock, deadlines: Deadlines) -> None:
    thing = Thing(deadlines.now + 1)
    deadlines.watch(thing)
    clock.advance(0.9)
    thing.deadline = deadlines.now + 1
    clock.advance(0.9)
    assert thing.calls == []
    clock.advance(0.1)
    assert len(thing.calls) == 1


def test_the_time_is_refreshed_each_tick(clock: MockClock, deadlines: Deadlines) -> None:
    start = deadlines.now
    clock.advance(0.25)
    assert deadlines.now == start + 0.2


def test_forgotten_things_do_not_fire(clock: MockClock, deadlines: Deadlines) -> None:
    thing = Thing(0.0)
    deadlines.watch(thing)
    deadlines.forget(thing)
    deadlines.forget(thing)
    clock.advance(1)
    assert thing.calls == []


def test_one_that_fires_may_forget_and_watch_others(clock: MockClock, deadlines: Deadlines) -> None:
    victim, newcomer, postponed = Thing(0.0), Thing(0.0), Thing(0.0)

    def act(now: float) -> None:
        deadlines.forget(victim)
        deadlines.watch(newcomer)
        postponed.deadline = now + 5

    first = Thing(0.0, act)
    for each in (first, victim, postponed):
        deadlines.watch(each)
    clock.advance(0.1)
    assert (len(first.calls), victim.calls, newcomer.calls, postponed.calls) == (1, [], [], [])
    clock.advance(0.1)
    assert len(newcomer.calls) == 1


def test_a_broken_one_is_logged_once_and_stops_no_other(
    clock: MockClock, deadlines: Deadlines
) -> None:
    broken, sound = Thing(0.0, lambda now: now / 0), Thing(0.0)
    broken.expired = broken.act  # type: ignore[assignment, method-assign]
    deadlines.watch(broken)
    deadlines.watch(sound)
    with capture_logs() as logs:
        clock.advance(1.0)
    assert len(sound.calls) == 1
    assert [(line["event"], line["watched"]) for line in logs] == [("deadline_failed", "Thing")]


def test_a_thing_without_a_deadline_is_refused_at_once(deadlines: Deadlines) -> None:
    with pytest.raises(AttributeError):
        deadlines.watch(object())  # type: ignore[arg-type]


def test_after_stop_nothing_fires_until_started_again(
    clock: MockClock, deadlines: Deadlines
) -> None:
    thing = Thing(0.0)
    deadlines.watch(thing)
    deadlines.stop()
    clock.advance(1)
    assert thing.calls == []
    deadlines.start()
    deadlines.start()
    clock.advance(0.1)
    assert len(thing.calls) == 1


@pytest.mark.parametrize(
    ("bound_s", "until", "left_s"),
    [
        (3.0, inf, 3.0),
        (0.0, inf, 0.0),
        (3.0, 101.0, 1.0),
        (3.0, 110.0, 3.0),
        (0.0, 110.0, 10.0),
        (3.0, 99.0, AT_LEAST_S),
    ],
)
def test_a_bound_ends_with_the_time_that_is_left(
    bound_s: float, until: float, left_s: float
) -> None:
    clock = MockClock()
    clock.advance(100.0 - clock.monotonic())
    assert within(bound_s, until, clock) == pytest.approx(left_s)
