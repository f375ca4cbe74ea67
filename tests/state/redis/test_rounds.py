from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sluicegate.state.redis.rounds import Rounds
from support.loops import run
from support.mock_clock import MockClock


class Work:
    """Rounds whose jitter is in the middle, and how many there were."""

    def __init__(self) -> None:
        self.clock = MockClock()
        self.done = 0
        self.broken = False
        self.held: asyncio.Event | None = None
        self.rounds = Rounds(self.work, self.clock, gap_s=1, idle_s=10, jitter=lambda: 0.5)

    async def work(self) -> None:
        self.done += 1
        if self.broken:
            raise ValueError("what a server said cannot be read")
        if self.held is not None:
            await self.held.wait()

    async def advance(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            for _ in range(5):
                await asyncio.sleep(0)


def play(story: Callable[[Work], Awaitable[None]]) -> None:
    async def whole() -> None:
        work = Work()
        work.rounds.begin()
        await work.advance(0.1)
        await story(work)
        work.rounds.close()

    run(whole())


def test_left_alone_it_works_once_in_a_while() -> None:
    async def story(work: Work) -> None:
        await work.advance(9.8)
        assert work.done == 0
        await work.advance(0.2)
        assert work.done == 1
        await work.advance(10)
        assert work.done == 2

    play(story)


def test_hurried_it_works_at_once_where_the_last_round_was_long_ago() -> None:
    async def story(work: Work) -> None:
        await work.advance(2)
        work.rounds.hurry()
        await work.advance(0.1)
        assert work.done == 1

    play(story)


def test_however_often_it_is_hurried_there_is_a_gap_between_rounds() -> None:
    async def story(work: Work) -> None:
        for _ in range(50):
            work.rounds.hurry()
            await work.advance(0.1)
        assert 4 <= work.done <= 5

    play(story)


def test_hurried_in_the_middle_of_a_round_there_is_another() -> None:
    async def story(work: Work) -> None:
        work.held = asyncio.Event()
        await work.advance(2)
        work.rounds.hurry()
        await work.advance(0.1)
        work.rounds.hurry()
        work.held.set()
        await work.advance(1.2)
        assert work.done == 2

    play(story)


def test_a_round_that_fails_is_logged_and_not_the_last() -> None:
    async def story(work: Work) -> None:
        work.broken = True
        with structlog.testing.capture_logs() as logs:
            await work.advance(20.5)
        assert work.done == 2
        assert [line["event"] for line in logs] == ["state_round_failed"] * 2

    play(story)


def test_closed_it_ends_in_the_middle_of_a_round() -> None:
    async def story(work: Work) -> None:
        work.held = asyncio.Event()
        work.rounds.hurry()
        await work.advance(1.2)
        work.rounds.close()
        work.rounds.hurry()
        await work.advance(30)
        assert work.done == 1

    play(story)
