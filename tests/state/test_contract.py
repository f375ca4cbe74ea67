"""What every state promises, whatever keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.clock import Clock
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.slots import Slots
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.metrics import Metrics
from sluicegate.state.contract import Algorithm, Ask, Group, Limit, LimitState, Verdict
from sluicegate.state.memory import MemoryState
from support.mock_clock import MockClock

SECOND = 1_000_000
MINUTE = 60 * SECOND
MakeState = Callable[[Clock], LimitState]


def memory(clock: Clock) -> LimitState:
    return MemoryState(clock, Metrics())


STATES = [pytest.param(memory, id="memory")]


def group(place: str, *algorithms: Algorithm, settles: bool = False, shadow: bool = False) -> Group:
    limits = [Limit(f"{number}", algorithm) for number, algorithm in enumerate(algorithms)]
    return Group(place, limits, settles=settles, shadow=shadow)


def take(state: LimitState, *asks: Ask, ticket: str = "") -> Verdict:
    return asyncio.run(state.take(asks, ticket))


def settle(state: LimitState, ticket: str, *costs: tuple[Ask, int]) -> None:
    asyncio.run(state.settle([ask for ask, _ in costs], ticket, [cost for _, cost in costs]))


def left(state: LimitState, of: Group, subject: str = "=ann") -> list[int]:
    return [outcome.remaining for outcome in take(state, Ask(of, subject, 0)).outcomes]


@pytest.fixture(params=STATES)
def make_state(request: pytest.FixtureRequest) -> MakeState:
    made: MakeState = request.param
    return made


# --- all or nothing ----------


def test_all_limits_are_charged_when_all_admit(make_state: MakeState) -> None:
    state = make_state(MockClock())
    first = group("a", FixedWindow(5, SECOND), FixedWindow(50, MINUTE))
    second = group("b", TokenBucket(1, SECOND, 9))
    verdict = take(state, Ask(first, "=ann", 2), Ask(second, "=ann", 3))
    assert verdict.admitted
    said = [(one.limit, one.remaining) for one in verdict.outcomes]
    assert said == [(5, 3), (50, 48), (9, 6)]


def test_a_refused_request_charges_nothing_anywhere(make_state: MakeState) -> None:
    state = make_state(MockClock())
    wide, narrow = (
        Ask(group("wide", FixedWindow(100, SECOND)), "=ann"),
        Ask(group("narrow", FixedWindow(1, SECOND)), "=ann"),
    )
    assert take(state, wide, narrow).admitted
    for _ in range(3):
        verdict = take(state, wide, narrow)
        assert not verdict.admitted
        assert [one.admitted for one in verdict.outcomes] == [True, False]
        assert [one.remaining for one in verdict.outcomes] == [99, 0]
    assert take(state, wide).outcomes[0].remaining == 98


def test_a_refused_request_charges_none_of_the_limits_of_its_group(make_state: MakeState) -> None:
    state = make_state(MockClock())
    both = group("a", FixedWindow(9, MINUTE), FixedWindow(1, SECOND))
    assert take(state, Ask(both, "=ann")).admitted
    verdict = take(state, Ask(both, "=ann"))
    assert [(one.admitted, one.remaining) for one in verdict.outcomes] == [(True, 8), (False, 0)]
    assert left(state, both) == [8, 0]


def test_order_makes_no_difference_to_a_refusal(make_state: MakeState) -> None:
    state = make_state(MockClock())
    narrow, wide = (
        Ask(group("narrow", FixedWindow(1, SECOND)), "=ann"),
        Ask(group("wide", FixedWindow(9, SECOND)), "=ann"),
    )
    take(state, narrow)
    assert [one.remaining for one in take(state, narrow, wide).outcomes] == [0, 9]
    assert take(state, wide).outcomes[0].remaining == 8


def test_subjects_do_not_share(make_state: MakeState) -> None:
    state = make_state(MockClock())
    one = group("limit", FixedWindow(1, SECOND))
    assert take(state, Ask(one, "a")).admitted
    assert take(state, Ask(one, "b")).admitted
    assert not take(state, Ask(one, "a")).admitted


def test_places_do_not_share_a_subject(make_state: MakeState) -> None:
    state = make_state(MockClock())
    window = FixedWindow(1, SECOND)
    assert take(state, Ask(group("a", window), "=ann")).admitted
    assert take(state, Ask(group("b", window), "=ann")).admitted
    assert not take(state, Ask(group("a", window), "=ann")).admitted


# --- time ----------


def test_the_announced_wait_is_enough(make_state: MakeState) -> None:
    clock = MockClock()
    state = make_state(clock)
    ask = Ask(group("a", TokenBucket(3, SECOND, 1)), "=ann")
    assert take(state, ask).admitted
    wait_us = take(state, ask).outcomes[0].retry_after_us
    clock.advance((wait_us - 1) / SECOND)
    assert not take(state, ask).admitted
    clock.advance(1 / SECOND)
    assert take(state, ask).admitted


def test_a_clock_that_is_set_back_admits_nothing_more(make_state: MakeState) -> None:
    clock = MockClock()
    state = make_state(clock)
    ask = Ask(group("a", TokenBucket(1, SECOND, 2), FixedWindow(2, SECOND)), "=ann")
    assert take(state, ask).admitted
    assert take(state, ask).admitted
    for _ in range(5):
        clock.set_wall_us(clock.wall_us() - SECOND)
        assert not take(state, ask).admitted


# --- shadow ----------


def test_a_shadow_refuses_nobody_and_is_charged_only_where_it_fits(make_state: MakeState) -> None:
    state = make_state(MockClock())
    shadow = group("s", FixedWindow(9, MINUTE), FixedWindow(1, MINUTE), shadow=True)
    real = group("r", FixedWindow(3, MINUTE))
    for remaining in ([8, 0, 2], [8, 0, 1]):
        verdict = take(state, Ask(shadow, "=ann"), Ask(real, "=ann"))
        assert verdict.admitted
        assert [one.remaining for one in verdict.outcomes] == remaining
    assert [one.admitted for one in verdict.outcomes] == [True, False, True]
    assert left(state, shadow) == [8, 0]


def test_a_shadow_alone_admits_and_is_not_charged_by_refused_requests(
    make_state: MakeState,
) -> None:
    state = make_state(MockClock())
    shadow = group("s", FixedWindow(1, MINUTE), shadow=True)
    real = group("r", FixedWindow(1, MINUTE))
    assert not take(state, Ask(shadow, "=ann"), Ask(real, "=ann", 2)).admitted
    assert left(state, shadow) == [1]
    assert take(state, Ask(shadow, "=ann")).admitted
    verdict = take(state, Ask(shadow, "=ann"))
    assert (verdict.admitted, verdict.outcomes[0].admitted) == (True, False)


# --- settling ----------


def test_what_was_reserved_too_much_is_given_back_once(make_state: MakeState) -> None:
    state = make_state(MockClock())
    tokens = Ask(group("t", FixedWindow(100, MINUTE), settles=True), "=ann", 40)
    assert take(state, tokens, ticket="x").admitted
    settle(state, "x", (tokens, 15))
    assert left(state, tokens.group) == [85]
    settle(state, "x", (tokens, 0))
    settle(state, "never taken", (tokens, 0))
    assert left(state, tokens.group) == [85]


def test_what_cost_more_than_was_reserved_is_charged(make_state: MakeState) -> None:
    state = make_state(MockClock())
    tokens = Ask(group("t", FixedWindow(100, MINUTE), settles=True), "=ann", 40)
    take(state, tokens, ticket="x")
    settle(state, "x", (tokens, 130))
    assert left(state, tokens.group) == [0]
    assert not take(state, Ask(tokens.group, "=ann", 1)).admitted


def test_a_refused_request_and_a_shadow_that_did_not_fit_have_nothing_to_give_back(
    make_state: MakeState,
) -> None:
    state = make_state(MockClock())
    real = group("t", FixedWindow(100, MINUTE), settles=True)
    shadow = group("s", FixedWindow(10, MINUTE), settles=True, shadow=True)
    take(state, Ask(real, "=ann", 60), Ask(shadow, "=ann", 5))
    refused = Ask(real, "=ann", 70), Ask(shadow, "=ann", 5)
    assert not take(state, *refused, ticket="x").admitted
    settle(state, "x", (refused[0], 0), (refused[1], 0))
    assert (left(state, real), left(state, shadow)) == ([40], [5])
    halves = Ask(real, "=ann", 10), Ask(shadow, "=ann", 6)
    assert take(state, *halves, ticket="y").admitted
    settle(state, "y", (halves[0], 0), (halves[1], 0))
    assert (left(state, real), left(state, shadow)) == ([40], [5])


def test_what_is_settled_in_a_later_window_is_not_given_back(make_state: MakeState) -> None:
    clock = MockClock(1_700_000_040_000_000)
    state = make_state(clock)
    tokens = Ask(group("t", FixedWindow(100, MINUTE), settles=True), "=ann", 40)
    take(state, tokens, ticket="x")
    clock.advance(60)
    take(state, tokens, ticket="y")
    settle(state, "x", (tokens, 0))
    assert left(state, tokens.group) == [60]


# --- slots ----------


def test_slots_are_held_until_they_are_freed(make_state: MakeState) -> None:
    state = make_state(MockClock())
    slots = Ask(group("c", Slots(2, 30 * SECOND)), "=ann")
    assert take(state, slots, ticket="1").admitted
    assert take(state, slots, ticket="2").admitted
    refused = take(state, slots, ticket="3")
    assert not refused.admitted
    assert (refused.outcomes[0].remaining, refused.outcomes[0].retry_after_us) == (0, SECOND)
    settle(state, "3", (slots, 0))
    assert not take(state, slots, ticket="3").admitted
    settle(state, "1", (slots, 0))
    settle(state, "1", (slots, 0))
    assert take(state, slots, ticket="3").admitted
    assert not take(state, slots, ticket="4").admitted


def test_a_slot_expires_unless_it_is_refreshed(make_state: MakeState) -> None:
    clock = MockClock()
    state = make_state(clock)
    slots = Ask(group("c", Slots(2, 30 * SECOND)), "=ann")
    take(state, slots, ticket="1")
    take(state, slots, ticket="2")
    clock.advance(20)
    asyncio.run(state.refresh([(slots, "2")]))
    clock.advance(10)
    assert left(state, slots.group) == [1]
    clock.advance(20)
    assert left(state, slots.group) == [2]


def test_a_slot_that_expired_under_a_request_is_held_again_at_its_next_heartbeat(
    make_state: MakeState,
) -> None:
    clock = MockClock()
    state = make_state(clock)
    slots = Ask(group("c", Slots(1, 30 * SECOND)), "=ann")
    take(state, slots, ticket="1")
    clock.advance(40)
    asyncio.run(state.refresh([(slots, "1")]))
    assert not take(state, slots, ticket="2").admitted
    clock.advance(30)
    assert take(state, slots, ticket="2").admitted


def test_a_slot_is_not_held_by_a_request_that_another_limit_refuses(
    make_state: MakeState,
) -> None:
    state = make_state(MockClock())
    slots = Ask(group("c", Slots(1, 30 * SECOND)), "=ann")
    narrow = Ask(group("n", FixedWindow(1, MINUTE)), "=ann", 2)
    verdict = take(state, slots, narrow, ticket="1")
    assert [one.remaining for one in verdict.outcomes] == [1, 1]
    assert left(state, slots.group) == [1]


@pytest.mark.parametrize("make", STATES)
@given(history=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 4)), max_size=60))
def test_whatever_comes_each_limit_holds_and_only_what_was_admitted_is_charged(
    make: MakeState, history: list[tuple[int, int]]
) -> None:
    clock = MockClock()
    state = make(clock)
    bucket, window = group("b", TokenBucket(2, SECOND, 5)), group("w", FixedWindow(6, SECOND))
    start_us, total, windows = clock.wall_us(), 0, dict[int, int]()
    for pause_ms, cost in history:
        clock.advance(pause_ms / 1000)
        number = clock.wall_us() // SECOND
        if take(state, Ask(bucket, "=ann", cost), Ask(window, "=ann", cost)).admitted:
            total += cost
            windows[number] = windows.get(number, 0) + cost
        assert windows.get(number, 0) <= 6
        assert (total - 5) * SECOND <= (clock.wall_us() - start_us) * 2
        assert left(state, window) == [6 - windows.get(number, 0)]
