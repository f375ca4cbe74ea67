"""Work that is done now and then."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import StoreAway
from sluicegate.process import turns as module
from sluicegate.process.turns import Turns
from support.mock_clock import MockClock


class Work:
    """Counts how often it was done, and fails as told."""

    def __init__(self) -> None:
        self.done = 0
        self.error: Exception | None = None

    async def __call__(self) -> None:
        self.done += 1
        if self.error is not None:
            raise self.error


async def passed(clock: MockClock, seconds: float) -> None:
    clock.advance(seconds)
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_turn_follows_the_other_from_the_first_one_on() -> None:
    async def scenario() -> None:
        clock, work = MockClock(), Work()
        turns = Turns(clock, "failed")
        turns.every(10, work, first_s=3)
        for seconds, done in ((0, 0), (2, 0), (1, 1), (9, 1), (1, 2), (10, 3)):
            await passed(clock, seconds)
            assert work.done == done
        await turns.close()
        await passed(clock, 100)
        assert work.done == 3

    asyncio.run(scenario())


@pytest.mark.parametrize(("again_s", "seconds"), [(None, 10), (2, 2)])
def test_what_went_wrong_is_done_again_when_it_was_told_to_be(
    again_s: float | None, seconds: float
) -> None:
    async def scenario() -> None:
        clock, work = MockClock(), Work()
        turns = Turns(clock, "failed")
        work.error = StoreAway("away")
        turns.every(10, work, again_s=again_s)
        await passed(clock, 0)
        await passed(clock, seconds - 0.5)
        assert work.done == 1
        await passed(clock, 0.5)
        assert work.done == 2
        await turns.close()

    asyncio.run(scenario())


def test_an_error_that_nobody_has_thought_of_is_told_and_ends_nothing() -> None:
    async def scenario() -> None:
        turns, work = Turns(MockClock(), "it has failed"), Work()
        assert await turns.attempt(work)
        work.error = ValueError("odd")
        with capture_logs() as logs:
            assert not await turns.attempt(work)
        assert [(log["event"], log["log_level"]) for log in logs] == [("it has failed", "error")]

    asyncio.run(scenario())


def test_the_end_waits_for_what_is_under_way_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CLOSE_S", 0)

    async def scenario() -> None:
        async def never() -> None:
            await asyncio.Future()

        turns = Turns(MockClock(), "failed")
        turns.once(never)
        await asyncio.sleep(0)
        await asyncio.wait_for(turns.close(), 5)

    asyncio.run(scenario())
