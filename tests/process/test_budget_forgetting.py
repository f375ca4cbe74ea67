"""Counts of budgets that were away are dropped, and begin again from what is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sluicegate.errors import StateAway
from sluicegate.process.budget_forgetting import AGAIN_S, RETRY_S, BudgetForgetting
from support.charged_calls import PLACE, Books
from support.ledgers import Shaky
from support.loops import run
from support.mock_clock import MockClock

OTHER = "budget;other;consumer;gateway"
DAY, MONTH = frozenset({"day"}), frozenset({"month"})
Work = Callable[["Desk"], Coroutine[Any, Any, None]]


class Desk:
    """A ledger with counts of two places, and who forgets."""

    def __init__(self) -> None:
        self.clock = MockClock()
        self.books = Books(None, self.clock)
        self.ledger = Shaky(self.books.ledger, StateAway)
        ledger: Any = self.ledger
        self.forgetting = BudgetForgetting(ledger, self.clock)
        self.begin()

    def begin(self) -> None:
        for place in (PLACE, OTHER):
            self.books.begin("=acme", place)

    async def places(self) -> list[str]:
        return sorted(each.place for each in await self.books.ledger.counts())

    async def passes(self, seconds: float) -> None:
        for step in (0.0, seconds):
            self.clock.advance(step)
            for _ in range(10):
                await asyncio.sleep(0)


def with_desk(work: Work) -> None:
    async def body() -> None:
        desk = Desk()
        try:
            await work(desk)
        finally:
            await desk.forgetting.close()
            desk.books.state.close()

    run(body())


def test_at_the_start_counts_of_budgets_that_do_not_run_are_dropped() -> None:
    async def work(desk: Desk) -> None:
        await desk.forgetting.runs({PLACE: MONTH})
        assert await desk.places() == [PLACE]

    with_desk(work)


def test_a_budget_that_goes_or_comes_leaves_no_counts() -> None:
    async def work(desk: Desk) -> None:
        await desk.forgetting.runs({PLACE: MONTH, OTHER: MONTH})
        await desk.forgetting.runs({PLACE: MONTH, OTHER: MONTH})
        assert await desk.places() == [PLACE, OTHER]
        await desk.forgetting.runs({PLACE: MONTH})
        assert await desk.places() == [PLACE]
        desk.begin()  # another replica still has it
        await desk.forgetting.runs({PLACE: MONTH, OTHER: MONTH})
        assert await desk.places() == [PLACE]

    with_desk(work)


def test_a_period_that_comes_back_begins_anew_as_well() -> None:
    async def work(desk: Desk) -> None:
        await desk.forgetting.runs({PLACE: MONTH, OTHER: MONTH | DAY})
        await desk.forgetting.runs({PLACE: MONTH, OTHER: MONTH})
        assert await desk.places() == [PLACE]

    with_desk(work)


def test_what_came_is_looked_up_once_more_when_older_calls_are_over() -> None:
    async def work(desk: Desk) -> None:
        await desk.forgetting.runs({PLACE: MONTH})
        await desk.forgetting.runs({PLACE: MONTH, OTHER: MONTH})
        desk.begin()
        await desk.passes(AGAIN_S - 1)
        assert await desk.places() == [PLACE, OTHER]
        await desk.passes(1)
        assert await desk.places() == [PLACE]

    with_desk(work)


def test_a_state_that_is_away_is_tried_until_it_is_there() -> None:
    async def work(desk: Desk) -> None:
        desk.ledger.away = True
        started = asyncio.create_task(desk.forgetting.runs({PLACE: MONTH}))
        await desk.passes(0)
        assert await desk.places() == [PLACE, OTHER]
        desk.ledger.away = False
        await desk.passes(RETRY_S)
        assert await desk.places() == [PLACE]
        await started

    with_desk(work)
