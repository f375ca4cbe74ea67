"""Memory returns to where it was once limits are as if never used, without ever scanning."""

from __future__ import annotations

import asyncio

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.metrics import Metrics
from sluicegate.state.contract import Algorithm, Take
from sluicegate.state.memory import SLICE_KEYS, MemoryState
from support.mock_clock import MockClock

SECOND = 1_000_000


def use(state: MemoryState, algorithm: Algorithm, *keys: str) -> None:
    async def work() -> None:
        for key in keys:
            await state.take([Take("limit|", algorithm, 1)], key)

    asyncio.run(work())


def test_an_idle_process_ends_with_no_keys_and_no_timer() -> None:
    clock = MockClock()
    state = MemoryState(clock, Metrics())
    use(state, FixedWindow(5, SECOND), *map(str, range(10 * SLICE_KEYS)))
    assert len(state) == 10 * SLICE_KEYS
    clock.advance(10)
    assert (len(state), state._timer, state._slots, state._order) == (0, None, {}, [])


def test_one_turn_of_the_sweep_looks_at_a_bounded_number_of_keys() -> None:
    clock = MockClock()
    state = MemoryState(clock, Metrics())
    use(state, FixedWindow(5, SECOND), *map(str, range(3 * SLICE_KEYS)))
    clock.set_wall_us(clock.wall_us() + 10 * SECOND)
    state._sweep()
    assert len(state) == 2 * SLICE_KEYS


def test_a_key_that_is_used_again_stays_until_it_has_refilled() -> None:
    clock = MockClock()
    state = MemoryState(clock, Metrics())
    slow = TokenBucket(1, 60 * SECOND, 2)
    use(state, slow, "a", "b")
    clock.advance(50)
    use(state, slow, "a")  # owes 70 s now
    clock.advance(15)
    assert len(state) == 1
    clock.advance(50)
    assert len(state) == 1
    clock.advance(10)
    assert len(state) == 0


def test_a_refused_request_leaves_no_key_behind() -> None:
    state = MemoryState(MockClock(), Metrics())

    async def work() -> None:
        wishes = [Take("a", FixedWindow(1, SECOND), 1), Take("b", FixedWindow(1, SECOND), 2)]
        assert not (await state.take(wishes, "=ann")).admitted

    asyncio.run(work())
    assert len(state) == 0


def test_the_number_of_keys_is_a_gauge() -> None:
    clock, metrics = MockClock(), Metrics()
    state = MemoryState(clock, metrics)
    use(state, FixedWindow(1, 60 * SECOND), "a", "b")
    clock.advance(1)
    assert metrics.families["sluicegate_state_keys"].cell().value == 2


def test_closing_stops_the_sweep_for_good() -> None:
    clock = MockClock()
    state = MemoryState(clock, Metrics())
    use(state, FixedWindow(1, SECOND), "a")
    state.close()
    use(state, FixedWindow(1, 60 * SECOND), "b")
    clock.advance(600)
    assert len(state) == 2
    assert state._timer is None
