"""Budgets on real servers: one, one that sentinels watch, and a cluster.

What is shared by workers is exact, whatever else a request takes, and however it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
import redis

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.period import MONTH, period_at
from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.model.ledger import Entry
from sluicegate.model.units import Duration
from sluicegate.state.contract import UNKNOWN, Ask, Group, Limit, Verdict
from support.counting import AGE_US, Counting, counting
from support.valkey import Valkey
from support.valkey_cluster import cluster
from support.valkey_sentinel import primary_with_replicas

MONTHLY = Group(
    "budget;;consumer;api", [Limit("spending-month", Spending(50, 0, (80,)))], settles=True
)
TOKENS = Group("tokens", [Limit("fixed", FixedWindow(1_000_000, AGE_US))], settles=True)
KEY = "sg:{ledger}budget;;consumer;api\x1fada"
LINES = "sg:{ledger}lines"
IN_A_LATER_MONTH = period_at(2**51, MONTH)[0]
"""Counts of it go on: no test is at the turn of one."""


class Servers:
    """A URL, and a client of who keeps the ledger."""

    def __init__(self, url: str, client: redis.Redis) -> None:
        self.url = url
        self.client = client

    def begin(self) -> None:
        counts = ["spending-month", [IN_A_LATER_MONTH, 0, 0]]
        self.client.set(KEY, msgspec.msgpack.encode(counts))

    def spent(self) -> list[int]:
        """Return what is spent and held."""
        return list(msgspec.msgpack.decode(self.client.get(KEY))[1][1:])

    def lines(self) -> list[dict[bytes, bytes]]:
        return [item for _, item in self.client.xrange(LINES) if b"e" in item]


@pytest.fixture(scope="module", params=["single", "sentinel", "cluster"])
def kept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp(str(request.param))
    if request.param == "single":
        with Valkey(folder) as server, server.client() as client:
            yield Servers(server.url, client)
    elif request.param == "sentinel":
        # A primary that is slow for a moment is no reason to elect another one here.
        with (
            primary_with_replicas(folder, down_after_ms=60_000) as servers,
            servers.primary().client() as client,
        ):
            yield Servers(servers.url, client)
    else:
        with cluster(folder) as nodes, nodes.owner(KEY.encode()).client() as client:
            yield Servers(nodes.url, client)


@pytest.fixture
def servers(kept: Servers) -> Servers:
    kept.client.flushdb()
    return kept


def entry(ticket: str) -> bytes:
    return msgspec.msgpack.encode(Entry(id=ticket, at_us=IN_A_LATER_MONTH))


def wishes(ticket: str, tokens: int, cost: int) -> list[Ask]:
    """Return asks of a subject of its own, and of ada's budget."""
    return [Ask(TOKENS, ticket, tokens), Ask(MONTHLY, "ada", cost)]


def take(state: Counting, asks: list[Ask], ticket: str) -> Verdict:
    return state.call(state.state.take(asks, ticket, entry(ticket), 60_000))


def given_back(state: Counting) -> None:
    """Wait for what is given back aside."""

    async def wait() -> None:
        await asyncio.gather(*state.state._aside)

    state.call(wait())


def test_a_budget_is_held_and_settled_with_its_line_whatever_else_is_taken(
    servers: Servers,
) -> None:
    with counting(servers.url) as state:
        asks = wishes("one", 40, 30)
        assert take(state, asks, "t0").outcomes[1].retry_after_us == UNKNOWN
        given_back(state)
        servers.begin()
        assert [each.remaining for each in take(state, asks, "t1").outcomes] == [999_960, 20]
        assert servers.spent() == [0, 30]
        assert not take(state, asks, "t2").admitted
        given_back(state)
        state.call(state.state.refresh([(asks[1], "t1")]))
        for _again in range(2):
            state.call(state.state.settle(asks, "t1", [15, 7], entry("t1"), 7))
            assert servers.spent() == [7, 0]
        look = take(state, [Ask(TOKENS, "one", 0)], "t3")
        assert look.outcomes[0].remaining == 999_985
        assert [(line[b"c"], line[b"b"]) for line in servers.lines()] == [
            (b"7", b"budget;;consumer;api\x1fada")
        ]
        assert not servers.client.exists("sg:{ledger}open")
        assert not servers.client.exists("sg:{ledger}due")


def test_of_many_at_once_exactly_as_many_pass_as_the_budget_is_for(servers: Servers) -> None:
    servers.begin()

    async def call(state: Counting, ticket: str) -> bool:
        asks = wishes(ticket, 5, 1)
        if not (await state.state.take(asks, ticket, entry(ticket), 60_000)).admitted:
            return False
        await state.state.settle(asks, ticket, [5, 1], entry(ticket), 1)
        return True

    async def calls(state: Counting, worker: int) -> list[bool]:
        return await asyncio.gather(*[call(state, f"{worker}-{each}") for each in range(100)])

    slow = Duration(20)  # so many at once may take a busy machine a while
    with counting(servers.url, timeout=slow) as one, counting(servers.url, timeout=slow) as other:
        passed = [asyncio.run_coroutine_threadsafe(calls(each, n), each.loop.loop)
                  for n, each in enumerate((one, other))]  # fmt: skip
        assert sum(each for work in passed for each in work.result(40)) == 50
        given_back(one)
        given_back(other)
    assert servers.spent() == [50, 0]
    assert len(servers.lines()) == 50


def test_a_line_may_come_without_a_budget(servers: Servers) -> None:
    with counting(servers.url) as state:
        asks = [Ask(TOKENS, "one", 40)]
        take(state, asks, "t1")
        for _again in range(2):
            state.call(state.state.settle(asks, "t1", [15], entry("t1"), None))
        state.call(state.state.settle([], "t2", [], entry("t2"), 5))
        state.call(state.state.append([(9, entry("t3")), (None, entry("t4"))]))
    assert [(line[b"a"], line[b"c"]) for line in servers.lines()] == [
        (b"0", b""), (b"0", b"5"), (b"0", b"9"), (b"0", b""),
    ]  # fmt: skip


def test_what_the_servers_have_lost_is_charged_when_it_is_settled(servers: Servers) -> None:
    with counting(servers.url) as state:
        servers.begin()
        asks = wishes("one", 40, 30)
        take(state, asks, "t1")
        servers.client.flushdb()
        servers.begin()
        for _again in range(2):
            state.call(state.state.settle(asks, "t1", [15, 7], entry("t1"), 7))
        assert servers.spent() == [7, 0]
        assert len(servers.lines()) == 1


def test_who_gives_up_waiting_gives_back_what_was_held(servers: Servers) -> None:
    with counting(servers.url) as state:
        servers.begin()
        asks = wishes("one", 40, 30)

        async def give_up() -> None:
            taking = asyncio.ensure_future(state.state.take(asks, "t1", entry("t1"), 60_000))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            await state.state.settle(asks, "t1", [0, 0])

        state.call(give_up())
        given_back(state)
        assert servers.spent() == [0, 0]
        assert not servers.lines()
