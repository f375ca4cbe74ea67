"""Calls of models for tests of budgets: no sockets, and a price that is known.

world = BudgetWorld()
world.budget(allow=["1/day"]) ... world.call(policy, cost=250_000_000)
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from sluicegate.errors import StoreAway
from sluicegate.exchange import Exchange
from sluicegate.headers import Headers
from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.journey.limit.budget import Config, Policy
from sluicegate.journey.record.books import Books
from sluicegate.llm.call import Charge, ModelCall
from sluicegate.llm.canonical import Usage
from sluicegate.llm.endpoint import endpoint_of
from sluicegate.llm.prices import Price, Rates, Span, Tariff
from sluicegate.model.ledger import BudgetWanted, Entry
from sluicegate.state.contract import Group, Limit
from sluicegate.state.ledger_in_memory import LedgerInMemory
from sluicegate.state.memory import MemoryState
from support.exchanges import exchange, parts, sink, target
from support.mock_clock import MockClock

USD = 1_000_000_000
PERIODS_US = {"minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000, "month": 0}


class Source:
    """Brings budgets that were spent as a test says; `away` while it cannot."""

    def __init__(self, state: MemoryState, clock: MockClock) -> None:
        self._ledger = LedgerInMemory(state.ledger, clock)
        self._clock = clock
        self.spent = 0
        self.away = False
        self.asked: list[BudgetWanted] = []

    async def bring(self, wanted: BudgetWanted) -> None:
        self.asked.append(wanted)
        if self.away:
            raise StoreAway("away")
        made = [
            Limit(label, Spending(limit, PERIODS_US[period], ()))
            for label, limit, period in wanted.limits
        ]
        starts = [
            cast("Spending", limit.algorithm).period(self._clock.wall_us())[0] for limit in made
        ]
        group = Group(wanted.place, made, settles=True)
        version = await self._ledger.version()
        spent = [self.spent] * len(made)
        assert await self._ledger.seed(group, wanted.subject, spent, starts, version)


class BudgetWorld:
    """A state in memory, books, and calls of one model at 1 nano-USD a token."""

    def __init__(self, state: MemoryState | None = None, clock: MockClock | None = None) -> None:
        self.clock = clock or MockClock()
        made = parts(self.clock, "plan:free", state)
        self.state = cast("MemoryState", made.state)
        self.source = Source(self.state, self.clock)
        self.books = Books(self.state, self.clock, made.metrics, made.ticket, "local", self.source)
        self.parts = replace(made, books=self.books)

    def budget(self, **config: Any) -> Policy:
        return Policy(Config(**config), self.parts)

    def asked(self, *, consumer: str | None = "ann", known: bool = True) -> Exchange:
        """Return a call of a model, 100 bytes long, that may have 50 tokens of answer."""
        asked = exchange("POST", clock=self.clock)
        asked.consumer_name = consumer
        endpoint = endpoint_of("/v1/chat/completions", None, Headers(), "POST")
        assert endpoint is not None
        call = asked.call = ModelCall(endpoint, "fast")
        call.alias = "fast"
        call.body = b"x" * 100
        call.fields = {"max_tokens": msgspec.Raw(b"50")}
        price = Price(Rates(input=1_000_000, output=1_000_000)) if known else None
        tariff = None if price is None else Tariff([(Span(), price)])
        deployment = SimpleNamespace(
            tariff=lambda _: tariff, admitted_us=lambda _: 0, speaks=lambda _, dialect: dialect
        )
        config = SimpleNamespace(fallbacks=[], hedge=None, attempts=3)
        call.pool = cast("Any", SimpleNamespace(deployments=[deployment], config=config))
        return asked

    async def call(
        self, policy: Policy, cost: int | None = 0, asked: Exchange | None = None
    ) -> int:
        """Make a call that costs so much in the end, and write it; returns the status."""
        asked = asked or self.asked()

        async def onward(on: Exchange) -> None:
            assert on.call is not None
            on.attempts = 1
            on.call.charges.append(Charge(Usage(input=1, output=1), cost))
            await target()(on)

        await policy.handle(asked, onward)
        self.books.over(asked)
        await turns()
        return sink(asked).status

    @property
    def lines(self) -> list[Entry]:
        """What waits in the ledger, the oldest first."""
        return [
            msgspec.msgpack.decode(line.entry, type=Entry)
            for line in self.state.ledger.lines.values()
        ]

    @property
    def counts(self) -> list[tuple[int, int]]:
        """What was spent and is held of every budget's limits."""
        return [
            cast("tuple[int, int]", tuple(counts[1:]))
            for budget in self.state.ledger.budgets.values()
            for counts in budget.counts.values()
        ]


async def turns(count: int = 6) -> None:
    """Let what was begun beside an exchange get on."""
    for _ in range(count):
        await asyncio.sleep(0)
