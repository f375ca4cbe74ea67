"""Heartbeats of slots."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sluicegate.errors import StateAway
from sluicegate.journey.limit.algorithms.slots import Slots
from sluicegate.journey.limit.holding import Holding
from sluicegate.state.contract import Ask, Group, Limit
from support.mock_clock import MockClock

GROUP = Group("place", [Limit("slots", Slots(2, 30_000_000))])
ASK = Ask(GROUP, "ada")


class Listening:
    """Writes down what is refreshed."""

    def __init__(self, error: Exception | None = None) -> None:
        self.heard: list[list[str]] = []
        self.error = error

    async def refresh(self, held: Sequence[tuple[Ask, str]]) -> None:
        self.heard.append([ticket for _, ticket in held])
        if self.error is not None:
            raise self.error


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def holding(clock: MockClock) -> tuple[Holding, set[Any]]:
    aside: set[Any] = set()
    return Holding(clock, aside, 30.0), aside


def test_what_is_held_is_refreshed_three_times_in_its_life() -> None:
    async def work() -> None:
        clock, state = MockClock(), Listening()
        made, aside = holding(clock)
        made.hold(state, ASK, "one")  # type: ignore[arg-type]  # only what is used
        made.hold(state, ASK, "two")  # type: ignore[arg-type]
        for _ in range(3):
            clock.advance(10)
            await turns()
        assert state.heard == [["one", "two"]] * 3
        assert not aside

    asyncio.run(work())


def test_what_was_let_go_is_refreshed_no_longer_and_the_timer_ends() -> None:
    async def work() -> None:
        clock, state = MockClock(), Listening()
        made, _ = holding(clock)
        made.hold(state, ASK, "one")  # type: ignore[arg-type]
        made.hold(state, ASK, "two")  # type: ignore[arg-type]
        made.let_go("one")
        clock.advance(10)
        await turns()
        made.let_go("two")
        made.let_go("two")
        for _ in range(3):
            clock.advance(10)
            await turns()
        assert state.heard == [["two"]]

    asyncio.run(work())


def test_a_state_that_is_away_is_asked_again_at_the_next_beat() -> None:
    async def work() -> None:
        clock, state = MockClock(), Listening(StateAway())
        made, _ = holding(clock)
        made.hold(state, ASK, "one")  # type: ignore[arg-type]
        clock.advance(10)
        await turns()
        clock.advance(10)
        await turns()
        assert state.heard == [["one"], ["one"]]

    asyncio.run(work())


def test_many_slots_are_refreshed_a_part_at_a_time_and_only_those_still_held() -> None:
    async def work() -> None:
        clock, state = MockClock(), Listening()
        made, _ = holding(clock)
        for number in range(450):
            made.hold(state, ASK, str(number))  # type: ignore[arg-type]
        clock.advance(10)
        made.let_go("449")
        await turns()
        assert [len(heard) for heard in state.heard] == [200, 200, 49]
        made.let_go("0")

    asyncio.run(work())
