"""A worker's side of the ledger: lines that settle budgets, and lines that only tell.

Nobody waits for it. A settlement goes to the state at once, with its line; other lines go together,
a few times a second. While the state is away both wait here, up to a bound, and are tried again:
writing the same one twice changes nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, TypeVar
from weakref import WeakSet

import msgspec
import structlog

from sluicegate.errors import CLIENT_GONE, StateAway, StoreAway
from sluicegate.model.ledger import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sluicegate.clock import Clock, Timer
    from sluicegate.exchange import Exchange
    from sluicegate.journey.limit.settlement import Settlement
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.canonical import Usage
    from sluicegate.metrics import Metrics
    from sluicegate.model.ledger import BudgetWanted
    from sluicegate.state.contract import LimitState

FLUSH_S: Final = 0.1
"""How long a line waits for others."""
MOST_TOGETHER: Final = 100
MOST_WAITING: Final = 10_000
"""Lines and settlements of a worker, each; about 10 MB. Beyond it the oldest are lost, counted."""
AGAIN_S: Final = 0.25
"""Between two tries while the state is away."""
LAST_S: Final = 2.0
"""For what still waits at the end."""
ENCODE: Final = msgspec.msgpack.Encoder().encode
Waiting = TypeVar("Waiting")


class BudgetSource(Protocol):
    """Knows what was spent of a budget."""

    async def bring(self, wanted: BudgetWanted) -> None:
        """Have the state count it from what the ledger says. Raises StoreAway, StateAway."""


class Teller(Protocol):
    """Keeps lines to itself for a while."""

    def tell(self) -> None:
        """Note them now."""


class Books:
    """One for a worker."""

    def __init__(
        self,
        state: LimitState,
        clock: Clock,
        metrics: Metrics,
        ticket: Callable[[], str],
        region: str,
        source: BudgetSource | None,
    ) -> None:
        """`ticket` makes ids that no other exchange has; `source` is None where there is no store.

        Nothing runs before the first line.
        """
        self._state = state
        self._clock = clock
        self._ticket = ticket
        self._region = region
        self._source = source
        self._lines: list[tuple[int | None, bytes]] = []
        self._unsettled: list[tuple[Settlement, bytes, int | None]] = []
        self._bringing: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._tellers: WeakSet[Teller] = WeakSet()
        self._timer: Timer | None = None
        self._again: Timer | None = None
        self._away = False
        self._log = structlog.get_logger()
        self._lost = metrics.family(
            "sluicegate_ledger_lost_total",
            "counter",
            "Lines of the ledger that were given up: the state was away for too long.",
        ).cell()
        self._late = metrics.family(
            "sluicegate_ledger_retried_total",
            "counter",
            "Lines of the ledger that the state did not take at once, and that were tried again.",
        ).cell()

    # --- before ----------

    def draft(self, exchange: Exchange, ticket: str, cost: int) -> bytes:
        """Return the line that stands for a call whose process ends in the middle of it."""
        entry = self._begin(exchange, ticket)
        entry.cost = cost
        entry.unsettled = entry.estimated = True
        return ENCODE(entry)

    async def bring(self, wanted: BudgetWanted) -> None:
        """Have the counts of a budget brought, once for all who want it at a time.

        Raises StoreAway, StateAway.
        """
        source = self._source
        if source is None:
            raise StoreAway("there is nobody who knows what was spent")
        name = (wanted.place, wanted.subject)
        task = self._bringing.get(name)
        if task is None:
            task = self._bringing[name] = asyncio.create_task(source.bring(wanted))
            task.add_done_callback(lambda done: self._brought(name, done))
        await asyncio.shield(task)

    def _brought(self, name: tuple[str, str], task: asyncio.Task[None]) -> None:
        del self._bringing[name]
        if not task.cancelled():
            task.exception()  # whoever asked has it; nobody may be left to ask

    # --- after ----------

    def over(self, exchange: Exchange) -> None:
        """Write what an exchange of an AI route has used; settle what it has reserved."""
        call, settlement = exchange.call, exchange.settlement
        if call is None:
            return
        exchange.settlement = None
        cost = _cost(call)
        line = b""
        if call.charges or call.from_cache or exchange.attempts:
            ticket = self._ticket() if settlement is None else settlement.ticket
            line = ENCODE(self._entry(exchange, ticket))
            if settlement is None or not settlement.asks:
                self._add(cost, line)
        if settlement is not None and settlement.asks:
            self._run(self._settle(settlement, line, cost))

    def note(self, entry: Entry) -> None:
        """Write a line of something that is no call of a model."""
        entry.id = self._ticket()
        entry.region = self._region
        self._add(entry.cost, ENCODE(entry))

    def at_end(self, teller: Teller) -> None:
        """Have `teller` note what it still has, before the books are closed."""
        self._tellers.add(teller)

    async def close(self) -> None:
        """Write what waits, for a while."""
        for teller in self._tellers:
            teller.tell()
        self._flush()
        try:
            async with asyncio.timeout(LAST_S):
                while self._tasks or self._unsettled or self._lines:
                    if self._tasks:
                        await asyncio.wait(self._tasks)
                    else:
                        await self._clock.sleep(FLUSH_S)
        except TimeoutError:
            self._lost.value += len(self._lines) + len(self._unsettled)
            self._log.error(
                "lines of the ledger are lost", lines=len(self._lines) + len(self._unsettled)
            )
        for timer in (self._timer, self._again):
            if timer is not None:
                timer.cancel()
        for task in [*self._tasks, *self._bringing.values()]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._bringing.values(), return_exceptions=True)

    # --- entries ----------

    def _begin(self, exchange: Exchange, ticket: str) -> Entry:
        call, consumer, route = exchange.call, exchange.consumer, exchange.route
        return Entry(
            id=ticket,
            at_us=exchange.clock.wall_us(),
            consumer=exchange.consumer_name,
            team=None if consumer is None else consumer.team,
            key=exchange.key_id,
            plan=exchange.plan,
            route=None if route is None else route.name,
            model=None if call is None else call.alias,
            asked=None if call is None else call.asked,
            endpoint=None if call is None else call.endpoint.dialect,
            stream=False if call is None else call.stream,
            region=self._region,
            request_id=exchange.request.request_id,
        )

    def _entry(self, exchange: Exchange, ticket: str) -> Entry:
        """Describe an exchange that is over."""
        entry = self._begin(exchange, ticket)
        call, response, body = exchange.call, exchange.response, exchange.request.body
        elapsed_s = exchange.clock.monotonic() - exchange.started_at
        entry.duration_us = round(elapsed_s * 1e6)
        entry.at_us -= entry.duration_us
        entry.status = CLIENT_GONE.status if response is None else response.status
        entry.attempts = exchange.attempts
        entry.bytes_in = 0 if body is None else body.received
        entry.bytes_out = exchange.bytes_out
        if call is None:
            return entry
        entry.provider, entry.deployment = call.provider, call.deployment
        entry.cost = _cost(call)
        entry.from_cache = call.from_cache
        if call.failure is not None:
            entry.failure = call.failure.kind
        elif exchange.problem is not None:
            entry.failure = exchange.problem.slug
        if call.first_token_at:
            entry.first_token_us = round((call.first_token_at - exchange.started_at) * 1e6)
        for charge in call.charges:
            _add_usage(entry, charge.usage)
        return entry

    # --- on its way ----------

    def _add(self, cost: int | None, line: bytes) -> None:
        self._lines.append((cost, line))
        if len(self._lines) >= MOST_TOGETHER and self._again is None:
            self._flush()
        elif self._timer is None:
            self._timer = self._clock.after(FLUSH_S, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            lines, self._lines = self._lines, []
            self._run(self._append(lines))

    async def _append(self, lines: list[tuple[int | None, bytes]]) -> None:
        try:
            for at in range(0, len(lines), MOST_TOGETHER):
                await self._state.append(lines[at : at + MOST_TOGETHER])
            self._away = False
        except StateAway:
            self._lines = self._kept([*lines, *self._lines])
            self._try_again(len(lines))

    async def _settle(self, settlement: Settlement, line: bytes, cost: int | None) -> None:
        try:
            await settlement.keeper.settle(
                settlement.asks, settlement.ticket, settlement.costs, line, cost
            )
            self._away = False
        except StateAway:
            if settlement.keeper is self._state:
                self._unsettled = self._kept([*self._unsettled, (settlement, line, cost)])
                self._try_again(1)

    def _kept(self, waiting: list[Waiting]) -> list[Waiting]:
        """Drop the oldest of what is too much."""
        over = len(waiting) - MOST_WAITING
        if over <= 0:
            return waiting
        self._lost.value += over
        return waiting[over:]

    def _try_again(self, lines: int) -> None:
        self._late.value += lines
        if self._again is None:
            if not self._away:
                self._log.warning("the ledger waits: the state is away", lines=lines)
            self._away = True
            self._again = self._clock.after(AGAIN_S, self._retry)

    def _retry(self) -> None:
        """Send what waits: one settlement first, the rest once that was taken."""
        self._again = None
        self._run(self._send_waiting())

    async def _send_waiting(self) -> None:
        while self._unsettled and self._again is None:
            first = self._unsettled.pop(0)
            await self._settle(*first)
        if self._again is None:
            self._flush()

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _cost(call: ModelCall) -> int | None:
    """Return what a call cost; None where nobody knows, as of what passes natively."""
    return None if call.endpoint.operation == "native" else call.cost


def _add_usage(entry: Entry, usage: Usage) -> None:
    """Add what an attempt has used. Most have no more than the first two, and they are cheap."""
    entry.input += usage.input
    entry.output += usage.output
    if usage.cached or usage.cache_write or usage.cache_write_1h:
        entry.cached += usage.cached
        entry.cache_write += usage.cache_write
        entry.cache_write_1h += usage.cache_write_1h
    if usage.reasoning:
        entry.reasoning += usage.reasoning
    if usage.audio_input or usage.audio_output:
        entry.audio_input += usage.audio_input
        entry.audio_output += usage.audio_output
    if usage.image_input or usage.image_output:
        entry.image_input += usage.image_input
        entry.image_output += usage.image_output
    if usage.estimated:
        entry.estimated = True
