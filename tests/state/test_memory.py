"""Memory counts everything that limits ask for, and returns to where it was without scanning."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import pytest

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leased import Leased
from sluicegate.journey.limit.algorithms.regional_window import RegionalWindow
from sluicegate.journey.limit.algorithms.slots import Slots
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.metrics import Metrics
from sluicegate.state.contract import Algorithm, Ask, Group, Limit, Verdict
from sluicegate.state.due import SLICE
from sluicegate.state.memory import MemoryState
from support.mock_clock import MockClock

SECOND = 1_000_000
MINUTE = 60 * SECOND
T = TypeVar("T")


def run(work: Coroutine[object, object, T]) -> T:
    async def main() -> T:
        return await work

    return asyncio.run(main())


def one(algorithm: Algorithm, place: str = "limit") -> Group:
    return Group(place, [Limit("a", algorithm)])


def use(state: MemoryState, algorithm: Algorithm, *subjects: str) -> None:
    group = one(algorithm)

    async def work() -> None:
        for subject in subjects:
            await state.take([Ask(group, subject)])

    run(work())


def take(state: MemoryState, *asks: Ask, ticket: str = "") -> Verdict:
    return run(state.take(asks, ticket))


@pytest.fixture
def clock() -> MockClock:
    return MockClock(1_700_000_040_000_000)  # a full minute


@pytest.fixture
def state(clock: MockClock) -> MemoryState:
    return MemoryState(clock, Metrics())


# --- keys ----------


def test_an_idle_process_ends_with_no_keys_and_no_timer(
    clock: MockClock, state: MemoryState
) -> None:
    use(state, FixedWindow(5, SECOND), *map(str, range(10 * SLICE)))
    assert len(state) == 10 * SLICE
    clock.advance(10)
    assert (len(state), state._due._timer, state._places) == (0, None, {"limit": {}})


def test_a_key_that_is_used_again_stays_until_it_has_refilled(
    clock: MockClock, state: MemoryState
) -> None:
    slow = TokenBucket(1, MINUTE, 2)
    use(state, slow, "a", "b")
    clock.advance(50)
    use(state, slow, "a")  # owes 70 s now
    clock.advance(15)
    assert len(state) == 1
    clock.advance(50)
    assert len(state) == 1
    clock.advance(10)
    assert len(state) == 0


def test_a_refused_request_leaves_no_key_behind(state: MemoryState) -> None:
    asks = [
        Ask(one(FixedWindow(2, SECOND), "a"), "=ann", 2),
        Ask(one(FixedWindow(1, SECOND), "b"), "=ann", 2),
    ]
    assert not take(state, *asks).admitted
    assert not take(state, asks[1]).admitted
    assert len(state) == 0


def test_the_number_of_keys_of_all_states_is_a_gauge(clock: MockClock) -> None:
    metrics = Metrics()
    first, second = MemoryState(clock, metrics), MemoryState(clock, metrics)
    use(first, FixedWindow(1, MINUTE), "a", "b")
    use(second, FixedWindow(1, MINUTE), "a")
    metrics.dump()
    assert metrics.families["sluicegate_state_keys"].cell().value == 3
    first.close()
    clock.advance(70)
    metrics.dump()
    assert metrics.families["sluicegate_state_keys"].cell().value == 2


def test_past_the_most_keys_the_one_due_first_is_forgotten_and_counted(clock: MockClock) -> None:
    metrics = Metrics()
    state = MemoryState(clock, metrics, most_keys=2)
    use(state, FixedWindow(1, MINUTE), "minute")
    use(state, FixedWindow(1, 10 * SECOND), "soon", "later")
    assert len(state) == 2
    assert metrics.families["sluicegate_state_evicted_total"].cell().value == 1
    assert not take(state, Ask(one(FixedWindow(1, MINUTE)), "minute")).admitted
    assert take(state, Ask(one(FixedWindow(1, 10 * SECOND)), "soon")).admitted


def test_closing_stops_the_sweep_for_good(clock: MockClock, state: MemoryState) -> None:
    use(state, FixedWindow(1, SECOND), "a")
    state.close()
    use(state, FixedWindow(1, MINUTE), "b")
    clock.advance(600)
    assert len(state) == 2


# --- limits that change ----------


def test_limits_changed_at_run_time_keep_their_counts(state: MemoryState) -> None:
    old = Group("limit", [Limit("minute", FixedWindow(5, MINUTE))])
    new = Group(
        "limit",
        [Limit("bucket", TokenBucket(1, SECOND, 9)), Limit("minute", FixedWindow(3, MINUTE))],
    )
    assert take(state, Ask(old, "=ann", 2)).outcomes[0].remaining == 3
    assert [o.remaining for o in take(state, Ask(new, "=ann", 1)).outcomes] == [8, 0]
    assert take(state, Ask(old, "=ann", 2)).outcomes[0].remaining == 0
    assert [o.remaining for o in take(state, Ask(new, "=ann", 0)).outcomes] == [8, 0]


def test_two_policies_of_one_place_are_both_charged(state: MemoryState) -> None:
    first, again = (one(FixedWindow(3, MINUTE)) for _ in range(2))
    verdict = take(state, Ask(first, "=ann"), Ask(again, "=ann"))
    assert [outcome.remaining for outcome in verdict.outcomes] == [2, 1]
    assert not take(state, Ask(first, "=ann"), Ask(again, "=ann")).admitted
    assert take(state, Ask(first, "=ann")).outcomes[0].remaining == 0


# --- blocks and regions ----------


def test_blocks_are_lent_of_each_limit_and_given_back(clock: MockClock, state: MemoryState) -> None:
    group = Group(
        "limit",
        [
            Limit("minute", Leased(FixedWindow(100, MINUTE), 10)),
            Limit("bucket", Leased(TokenBucket(1, SECOND, 20), 10)),
        ],
    )
    ask = Ask(group, "=ann")
    blocks = run(state.lend(ask, [8, 5], "a"))
    assert [(block.granted, block.lent, block.ends_us) for block in blocks] == [
        (8, 8, SECOND),
        (5, 5, SECOND),
    ]
    assert [block.granted for block in run(state.lend(ask, [8, 8], "b"))] == [2, 5]
    run(state.give_back(ask, "a", [8, 5]))
    run(state.give_back(ask, "a", [8, 5]))
    run(state.give_back(Ask(group, "=bob"), "a", [8, 5]))
    assert [o.remaining for o in take(state, Ask(group, "=ann", 0)).outcomes] == [98, 15]
    clock.advance(1)
    run(state.give_back(ask, "b", [2, 5]))
    assert take(state, Ask(group, "=ann", 0)).outcomes[0].remaining == 98


def test_a_key_outlives_the_blocks_that_were_lent_of_it(
    clock: MockClock, state: MemoryState
) -> None:
    ask = Ask(one(Leased(TokenBucket(1000, SECOND, 10), 5)), "=ann")
    run(state.lend(ask, [5], "a"))
    clock.advance(0.9)
    assert run(state.lend(ask, [5], "b"))[0].granted == 0


def test_a_block_of_nothing_leaves_no_key_behind(state: MemoryState) -> None:
    ask = Ask(one(Leased(FixedWindow(5, MINUTE), 5)), "=ann")
    assert run(state.lend(ask, [0], "a"))[0].granted == 0
    assert len(state) == 0


def test_regions_tell_each_other_what_they_admit(clock: MockClock) -> None:
    east, west = MemoryState(clock, Metrics()), MemoryState(clock, Metrics())
    assert east.epoch != west.epoch
    ask = Ask(one(RegionalWindow(100, MINUTE, 75)), "=ann", 60)
    assert take(east, ask).admitted
    told = run(east.totals(ask))
    assert told == [(clock.wall_us(), 60, 0)]
    for _ in range(2):
        run(west.merge(ask, "east", east.epoch, told))
        run(east.merge(ask, "east", east.epoch, told))  # its own word
    assert take(west, Ask(ask.group, "=ann", 0)).outcomes[0].remaining == 40
    assert take(east, Ask(ask.group, "=ann", 0)).outcomes[0].remaining == 15
    clock.advance(60)
    assert run(west.totals(ask)) == [(clock.wall_us(), 0, 0)]


def test_memory_has_a_crew_of_one(state: MemoryState) -> None:
    crew = run(state.present("w1"))
    assert (crew.workers, crew.place) == (1, 0)


def test_slots_of_a_busy_subject_are_one_key(clock: MockClock, state: MemoryState) -> None:
    ask = Ask(one(Slots(2, 30 * SECOND)), "=ann")
    for number in range(100):
        assert take(state, ask, ticket=str(number)).admitted
        run(state.settle([ask], str(number), [0]))
    assert len(state) == 1
    clock.advance(40)
    assert (len(state), state._holders) == (0, {"limit": {}})
