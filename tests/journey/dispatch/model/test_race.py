"""Two calls of one request: who counts, and that nobody else is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sluicegate.journey.dispatch.model.race import Race
from sluicegate.llm.failure import Failure
from sluicegate.model.resilience import Hedge
from sluicegate.upstream.hedge import ENOUGH, Hedging
from support.mock_clock import MockClock
from support.model_pools import failure

DELAY_S = 1.0


class Runner:
    """An attempt that ends when it is told to."""

    def __init__(self) -> None:
        self.result: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()
        self.begun = False
        self.closed = 0

    async def begin(self) -> Failure | None:
        self.begun = True
        return await self.result

    def close(self, *, whole: bool, failure: Failure | None) -> None:
        assert not whole
        assert failure is None
        self.closed += 1


class Track:
    """A race of two on a clock that stands still."""

    def __init__(self, *, budget: bool = True, second: bool = True) -> None:
        self.clock = MockClock()
        self.first, self.other = Runner(), Runner()
        self.hedging = Hedging(Hedge(max_share=100))
        for _ in range(ENOUGH):
            self.hedging.observe(DELAY_S)
        if budget:
            self.hedging.delay()
        self._second = self.other if second else None
        exchange = SimpleNamespace(clock=self.clock)
        calling = SimpleNamespace(exchange=exchange, second=self.second)
        race = Race(cast("Any", calling), cast("Any", self.first), self.hedging, DELAY_S)
        self.task = asyncio.create_task(race.run())

    async def second(self) -> Any:
        return self._second

    async def turns(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def past_the_delay(self) -> None:
        await self.turns()
        self.clock.advance(DELAY_S)
        await self.turns()


def race(work: Callable[[Track], Any], **more: Any) -> None:
    async def inner() -> None:
        await asyncio.wait_for(work(Track(**more)), 5)

    asyncio.run(inner())


def test_before_the_delay_nobody_else_is_asked() -> None:
    async def work(track: Track) -> None:
        await track.turns()
        track.first.result.set_result(None)
        assert await track.task == (track.first, None)
        assert not track.other.begun
        assert track.first.closed == 0

    race(work)


def test_a_failure_before_the_delay_is_told_at_once() -> None:
    async def work(track: Track) -> None:
        failed = failure("overloaded")
        track.first.result.set_result(failed)
        assert await track.task == (track.first, failed)
        assert not track.other.begun

    race(work)


@pytest.mark.parametrize("name", ["first", "other"])
def test_the_first_one_with_a_token_counts_and_the_other_is_given_back(name: str) -> None:
    async def work(track: Track) -> None:
        await track.past_the_delay()
        assert track.other.begun
        winner = getattr(track, name)
        loser = track.other if winner is track.first else track.first
        winner.result.set_result(None)
        assert await track.task == (winner, None)
        assert loser.result.cancelled()
        assert (winner.closed, loser.closed) == (0, 1)

    race(work)


def test_where_both_are_ready_in_one_turn_one_is_given_back() -> None:
    async def work(track: Track) -> None:
        await track.past_the_delay()
        track.first.result.set_result(None)
        track.other.result.set_result(None)
        winner, failed = await track.task
        assert failed is None
        assert track.first.closed + track.other.closed == 1
        assert cast("Any", winner).closed == 0

    race(work)


def test_a_failure_of_one_leaves_the_other_running() -> None:
    async def work(track: Track) -> None:
        await track.past_the_delay()
        track.first.result.set_result(failure("overloaded"))
        await track.turns()
        assert not track.task.done()
        track.other.result.set_result(None)
        assert await track.task == (track.other, None)

    race(work)


def test_where_both_fail_the_last_word_counts() -> None:
    async def work(track: Track) -> None:
        await track.past_the_delay()
        track.other.result.set_result(failure("rate_limited"))
        await track.turns()
        last = failure("overloaded")
        track.first.result.set_result(last)
        assert await track.task == (track.first, last)

    race(work)


@pytest.mark.parametrize("more", [{"budget": False}, {"second": False}])
def test_without_a_budget_or_anybody_else_the_first_is_waited_for(more: dict[str, bool]) -> None:
    async def work(track: Track) -> None:
        await track.past_the_delay()
        assert not track.other.begun
        track.first.result.set_result(None)
        assert await track.task == (track.first, None)

    race(work, **more)


def test_a_caller_who_goes_away_ends_both() -> None:
    async def work(track: Track) -> None:
        await track.past_the_delay()
        track.task.cancel()
        await track.turns()
        assert track.first.result.cancelled()
        assert track.other.result.cancelled()
        assert (track.first.closed, track.other.closed) == (1, 1)

    race(work)
