from __future__ import annotations

import asyncio

import pytest

from sluicegate.upstream.slow_start import SlowStart
from sluicegate.wire.deadlines import Deadlines
from support.mock_clock import MockClock
from support.targets import Target


@pytest.fixture
def clock() -> MockClock:
    return MockClock()


@pytest.fixture
def deadlines(clock: MockClock) -> Deadlines:
    made = Deadlines(clock)

    async def start() -> None:
        made.start()

    asyncio.run(start())
    return made


def weights(clock: MockClock, target: Target, seconds: int) -> list[int]:
    """Return the weight now, and after each of the next seconds."""
    found = [target.weight]
    for _ in range(seconds):
        clock.advance(1)
        found.append(target.weight)
    return found


def test_without_slow_start_the_weight_is_the_one_configured(
    clock: MockClock, deadlines: Deadlines
) -> None:
    target = Target()
    slow_start = SlowStart(target, 3, 0.0, deadlines)
    slow_start.begin()
    assert weights(clock, target, 3) == [3, 3, 3, 3]


def test_the_weight_rises_from_a_tenth_to_the_whole(clock: MockClock, deadlines: Deadlines) -> None:
    target = Target()
    slow_start = SlowStart(target, 2, 10.0, deadlines)
    assert target.weight == 200
    slow_start.begin()
    expected = [20, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 200]
    assert weights(clock, target, 11) == pytest.approx(expected, abs=2)
    assert target.weight == 200
    assert not deadlines._watched  # nothing is left to do at every tick


def test_it_is_never_less_than_a_tenth_nor_more_than_the_whole(
    clock: MockClock, deadlines: Deadlines
) -> None:
    target = Target()
    SlowStart(target, 7, 3.0, deadlines).begin()
    found = [target.weight]
    for _ in range(40):
        clock.advance(0.1)
        found.append(target.weight)
    assert found == sorted(found)
    assert (found[0], found[1], found[-1]) == (70, 70, 700)


def test_on_return_it_starts_again(clock: MockClock, deadlines: Deadlines) -> None:
    target = Target()
    slow_start = SlowStart(target, 1, 4.0, deadlines)
    slow_start.begin()
    assert weights(clock, target, 3)[-1] == pytest.approx(75, abs=1)
    slow_start.begin()
    assert weights(clock, target, 5) == pytest.approx([10, 25, 50, 75, 100, 100], abs=1)
    slow_start.begin()
    assert target.weight == 10


def test_a_target_of_weight_0_stays_out(clock: MockClock, deadlines: Deadlines) -> None:
    target = Target()
    SlowStart(target, 0, 4.0, deadlines).begin()
    assert set(weights(clock, target, 6)) == {0}


def test_after_close_nothing_changes(clock: MockClock, deadlines: Deadlines) -> None:
    target = Target()
    slow_start = SlowStart(target, 1, 4.0, deadlines)
    slow_start.begin()
    clock.advance(2)
    slow_start.close()
    before = target.weight
    assert weights(clock, target, 5) == [before] * 6
