"""Connections to one target: kept, bounded, waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sluicegate.errors import ConnectFailed, ConnectTimeout
from sluicegate.metrics import Cell
from sluicegate.model.service import Pool as PoolConfig
from sluicegate.model.units import Duration
from sluicegate.upstream.pool import Pool
from sluicegate.wire.deadlines import Deadlines
from sluicegate.wire.http1.client import ClientConnection
from support.loops import run
from support.mock_clock import MockClock
from support.ports import free_port


class Names:
    """A resolver that knows what it is told."""

    def __init__(self, *addresses: str, hangs: bool = False) -> None:
        self.known = list(addresses)
        self.hangs = hangs

    async def addresses(self, _: str, *__: float) -> list[str]:
        if self.hangs:
            await asyncio.Event().wait()
        if not self.known:
            raise ConnectFailed("no address")
        return self.known


class Bench:
    """A pool before a server that accepts, on the running loop."""

    def __init__(self) -> None:
        self.accepted: list[asyncio.StreamWriter] = []
        self.count = Cell()
        self.clock = MockClock()
        self.server: asyncio.Server
        self.pool: Pool

    async def start(self, names: Names | None = None, **config: Any) -> None:
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        deadlines = Deadlines(self.clock)
        deadlines.start()
        resolver: Any = names or Names("127.0.0.1")
        self.pool = Pool(
            "target", self.port, None, PoolConfig(**config), resolver, deadlines, self.count
        )

    async def _accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted.append(writer)

    async def end(self) -> None:
        self.pool.close()
        self.server.close()
        for writer in self.accepted:
            writer.transport.abort()
        await turns()


async def turns() -> None:
    """Let callbacks run."""
    for _ in range(5):
        await asyncio.sleep(0.001)


def bench(work: Callable[[Bench], Awaitable[None]], **config: Any) -> None:
    """Run `work` with a pool."""

    async def whole() -> None:
        made = Bench()
        await made.start(**config)
        try:
            await work(made)
        finally:
            await made.end()

    run(whole())


def test_the_newest_idle_connection_is_taken_first() -> None:
    async def work(at: Bench) -> None:
        first, second = await at.pool.connect(1), await at.pool.connect(1)
        at.pool.release(first)
        at.pool.release(second)
        assert at.pool.take() is second
        assert at.pool.take() is first
        assert at.pool.take() is None
        assert (at.pool.open, at.count.value) == (2, 2)

    bench(work)


def test_a_connection_that_was_closed_is_not_taken() -> None:
    async def work(at: Bench) -> None:
        connection = await at.pool.connect(1)
        at.pool.release(connection)
        await turns()
        at.accepted[0].transport.abort()
        await turns()
        assert at.pool.take() is None
        assert (at.pool.open, at.count.value) == (0, 0)

    bench(work)


def test_at_the_bound_requests_wait_and_are_served_in_order() -> None:
    async def work(at: Bench) -> None:
        connection = await at.pool.connect(1)
        order: list[int] = []

        async def ask(number: int) -> None:
            got = await at.pool.connect(5)
            order.append(number)
            assert got is connection
            at.pool.release(got)

        tasks = [asyncio.create_task(ask(number)) for number in range(5)]
        await turns()
        assert order == []
        at.pool.release(connection)
        await asyncio.gather(*tasks)
        assert order == [0, 1, 2, 3, 4]
        assert at.pool.open == 1

    bench(work, max_connections=1)


def test_who_waits_dials_when_a_connection_is_lost() -> None:
    async def work(at: Bench) -> None:
        connection = await at.pool.connect(1)
        waiting = asyncio.create_task(at.pool.connect(5))
        await turns()
        connection.close()
        fresh = await waiting
        assert fresh is not connection
        assert at.pool.open == 1

    bench(work, max_connections=1)


def test_who_stops_waiting_does_not_take_a_connection_with_him() -> None:
    async def work(at: Bench) -> None:
        connection = await at.pool.connect(1)
        leaves = asyncio.create_task(at.pool.connect(5))
        stays = asyncio.create_task(at.pool.connect(5))
        await turns()
        at.pool.release(connection)  # is given to the first, which is cancelled before it wakes
        leaves.cancel()
        assert await stays is connection
        with pytest.raises(asyncio.CancelledError):
            await leaves
        assert at.pool.open == 1

    bench(work, max_connections=1)


def test_waiting_too_long_is_a_time_out_and_leaves_no_waiter() -> None:
    async def work(at: Bench) -> None:
        connection = await at.pool.connect(1)
        with pytest.raises(ConnectTimeout):
            await at.pool.connect(0.01)
        at.pool.release(connection)
        assert at.pool.take() is connection

    bench(work, max_connections=1)


def test_a_name_that_takes_too_long_is_a_time_out_and_counts_out() -> None:
    async def work(at: Bench) -> None:
        with pytest.raises(ConnectTimeout):
            await at.pool.connect(0.01)
        assert (at.pool.open, at.count.value) == (0, 0)

    bench(work, names=Names(hangs=True))


def test_every_address_is_tried_before_giving_up() -> None:
    async def work(at: Bench) -> None:
        for _ in range(4):  # whichever the turn begins with
            assert not (await at.pool.connect(1)).closed

    bench(work, names=Names("127.0.0.99", "127.0.0.1"))


def test_a_target_that_refuses_fails_and_counts_out() -> None:
    async def work(at: Bench) -> None:
        at.pool._port = free_port()
        for _ in range(3):
            with pytest.raises(ConnectFailed):
                await at.pool.connect(1)
        assert (at.pool.open, at.count.value) == (0, 0)

    bench(work, max_connections=1)


def test_only_so_many_idle_connections_are_kept() -> None:
    async def work(at: Bench) -> None:
        connections = [await at.pool.connect(1) for _ in range(3)]
        for connection in connections:
            at.pool.release(connection)
        await turns()
        assert at.pool.open == 1

    bench(work, max_idle=1)


def test_an_idle_connection_is_closed_in_its_time_and_a_used_one_is_not() -> None:
    async def work(at: Bench) -> None:
        idle, used = await at.pool.connect(1), await at.pool.connect(1)
        at.pool.release(idle)
        at.clock.advance(6)
        await turns()
        assert (idle.closed, used.closed) == (True, False)
        assert at.pool.take() is None

    bench(work, idle_timeout=Duration(5))


def test_a_closed_pool_keeps_nothing_that_comes_back() -> None:
    async def work(at: Bench) -> None:
        idle, used = await at.pool.connect(1), await at.pool.connect(1)
        at.pool.release(idle)
        at.pool.close()
        assert idle.closed
        assert not used.closed
        at.pool.release(used)
        assert used.closed
        await turns()
        assert at.pool.open == 0

    bench(work)


def test_a_connection_that_was_made_for_somebody_who_has_gone_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work(at: Bench) -> None:
        made = ClientConnection.connection_made

        def leave(connection: ClientConnection, transport: asyncio.BaseTransport) -> None:
            made(connection, transport)
            asking.cancel()

        monkeypatch.setattr(ClientConnection, "connection_made", leave)
        asking = asyncio.create_task(at.pool.connect(1))
        with pytest.raises(asyncio.CancelledError):
            await asking
        await turns()
        assert at.pool.open == at.count.value == len(at.pool._deadlines._watched) == 0

    bench(work)
