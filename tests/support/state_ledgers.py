"""A state as a worker has it, and its ledger as management has it, of each kind of state.

play = player("single", lambda kind: valkey)     # or "memory", "cluster"
async def scene(pair: Pair) -> None: ...
play(scene, most_lines=10)                       # the state is empty at first
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from sluicegate.clock import Clock
from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.metrics import Metrics
from sluicegate.model.ledger import Entry
from sluicegate.state.contract import Ask, Group, Limit, LimitState, Verdict
from sluicegate.state.ledger import Batch, Ledger, Line, Where
from sluicegate.state.ledger_in_memory import LedgerInMemory
from sluicegate.state.memory import MemoryState
from sluicegate.state.redis.ledger import RedisLedger
from sluicegate.state.redis.open import open_state
from support.loops import run
from support.state_scenes import patient
from support.valkey import Valkey

if TYPE_CHECKING:
    from support.valkey_cluster import Cluster

KINDS = ("memory", "single", "cluster")
HOUR_MS = 3_600_000
MONTH = Limit("spending-month", Spending(10_000, 0, (80, 100)))
DAY = Limit("spending-day", Spending(1_000, 86_400_000_000, (50,)))
GROUP = Group("budget;;consumer;gateway", [MONTH], settles=True)
TWO = Group("budget;two;consumer;gateway", [MONTH, DAY], settles=True)


class Pair:
    """A state as a worker has it, and the ledger of it as management has it."""

    def __init__(
        self, state: LimitState, ledger: Ledger, clock: Clock, lose: Callable[[str], object]
    ) -> None:
        """`lose` a budget, by its name: its counts are gone."""
        self.state = state
        self.ledger = ledger
        self.clock = clock
        self.lose = lose

    def starts(self, group: Group, before: int = 0) -> list[int]:
        """Return when the periods of limits began, or those `before` so many of them."""
        starts = []
        for limit in group.limits:
            algorithm = limit.algorithm
            assert isinstance(algorithm, Spending)
            at_us = self.clock.wall_us()
            for _ in range(before):
                at_us = algorithm.period(at_us)[0] - 1
            starts.append(algorithm.period(at_us)[0])
        return starts

    async def seed(self, group: Group = GROUP, subject: str = "ada", *spent: int) -> bool:
        """Begin counts with what the store would say."""
        sums = spent or (0,) * len(group.limits)
        version = await self.ledger.version()
        return await self.ledger.seed(group, subject, sums, self.starts(group), version)

    async def seed_of(self, where: Where, subject: str = "ada", spent: int = 0) -> bool:
        """Begin counts, of which entries that agree with `where` are a part."""
        version = await self.ledger.version()
        return await self.ledger.seed(GROUP, subject, [spent], self.starts(GROUP), version, where)

    async def take(
        self, ticket: str, cost: int, group: Group = GROUP, subject: str = "ada",
        life_ms: int = HOUR_MS,
    ) -> Verdict:  # fmt: skip
        """Reserve."""
        entry = written(ticket, cost=cost, consumer=subject)
        return await self.state.take([Ask(group, subject, cost)], ticket, entry, life_ms)

    async def settle(
        self, ticket: str, cost: int | None, group: Group = GROUP, subject: str = "ada"
    ) -> None:
        """Settle, with the line of it."""
        entry = written(ticket, at_us=self.clock.wall_us(), cost=cost, consumer=subject)
        await self.state.settle([Ask(group, subject, 0)], ticket, [cost or 0], entry, cost)

    async def spend(self, ticket: str, cost: int, group: Group = GROUP) -> None:
        """Reserve and settle."""
        assert (await self.take(ticket, cost, group)).admitted
        await self.settle(ticket, cost, group)

    async def append(self, *entries: Entry) -> None:
        """Write lines that no budget is charged with."""
        lines = [(each.cost, msgspec.msgpack.encode(each)) for each in entries]
        for first in range(0, len(lines), 100):
            await self.state.append(lines[first : first + 100])

    async def read(self, mover: str = "one", most: int = 1000) -> Batch:
        """Read, where nobody else moves."""
        batch = await self.ledger.read(mover, most)
        assert batch is not None
        return batch

    async def move(self, mover: str = "one") -> Batch:
        """Read and delete."""
        batch = await self.read(mover)
        await self.ledger.moved(mover, batch)
        return batch

    async def counts(self, subject: str = "ada") -> list[tuple[str, int, int]]:
        """Return label, spent and held of all budgets of a subject."""
        found = await self.ledger.counts()
        return sorted((e.label, e.spent, e.held) for e in found if e.subject == subject)


Scene = Callable[[Pair], Awaitable[None]]
Play = Callable[..., None]
"""Of a scene, and `most_lines`."""
Servers = Callable[[str], "Valkey | Cluster"]


def written(entry_id: str, **fields: object) -> bytes:
    """Return the msgpack of an entry."""
    return msgspec.msgpack.encode(Entry(id=entry_id, **fields))  # type: ignore[arg-type]


def entry_of(line: Line) -> Entry:
    """Return the entry of a line."""
    return msgspec.msgpack.decode(line.entry, type=Entry)


def ids(items: Sequence[Line]) -> list[str]:
    """Return the ids of the entries of lines."""
    return [entry_of(item).id for item in items]


def totals(batch: Batch) -> list[Entry]:
    """Return the totals of a batch, read."""
    return [msgspec.msgpack.decode(each, type=Entry) for each in batch.totals]


def player(kind: str, servers: Servers) -> Play:
    """Return `play(scene, most_lines=…)`, which runs it; `servers` has those of a kind."""

    def play(scene: Scene, most_lines: int = 1000) -> None:
        async def body() -> None:
            async with opened(kind, servers, most_lines) as pair:
                await scene(pair)

        run(body())

    return play


@asynccontextmanager
async def opened(kind: str, servers: Servers, most_lines: int) -> AsyncIterator[Pair]:
    """Connect a state and its ledger."""
    clock = Clock()
    if kind == "memory":
        memory = MemoryState(clock, Metrics(), most_lines=most_lines)
        kept = memory.ledger
        try:
            yield Pair(memory, LedgerInMemory(kept, clock), clock, kept.budgets.pop)
        finally:
            memory.close()
        return
    found = servers(kind)
    nodes = [found] if isinstance(found, Valkey) else found.nodes
    for node in nodes:
        with node.client() as client:
            client.flushall()
    server = found if isinstance(found, Valkey) else found.owner(b"ledger")

    def lose(name: str) -> None:
        with server.client() as client:
            assert client.delete(f"sg:{{ledger}}{name}") == 1

    settings = patient(found.url)
    state = open_state(settings, clock, Metrics(), "worker", most_lines)
    ledger = RedisLedger(settings, clock, Metrics(), most_lines)
    try:
        await state.start()
        await ledger.start()
        yield Pair(state, ledger, clock, lose)
    finally:
        state.close()
        ledger.close()
