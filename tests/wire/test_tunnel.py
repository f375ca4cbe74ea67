"""Two connections joined."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from sluicegate.wire.deadlines import Deadlines
from sluicegate.wire.tunnel import Tunnel
from support.mock_clock import MockClock


class End:
    """A transport that notes what is done with it."""

    def __init__(self, *, eof: bool = True) -> None:
        self.written = b""
        self.eof = self.closed = False
        self.can = eof

    def write(self, data: bytes) -> None:
        assert not self.eof
        self.written += data

    def can_write_eof(self) -> bool:
        return self.can

    def write_eof(self) -> None:
        self.eof = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def joined(idle_s: float = 5, *, eof: bool = True) -> tuple[Any, End, End, MockClock]:
    """Return a tunnel, its two ends and the clock it lives by. Needs a running loop."""
    clock = MockClock()
    deadlines = Deadlines(clock)
    deadlines.start()
    client, target = End(eof=eof), End(eof=eof)
    exchange: Any = SimpleNamespace(bytes_in=0, bytes_out=0, outcome=None)
    ends: Any = client, target
    return Tunnel(exchange, *ends, deadlines, idle_s), client, target, clock


def test_bytes_pass_both_ways_and_are_counted() -> None:
    async def work() -> None:
        tunnel, client, target, _ = joined()
        tunnel.from_client(b"abc")
        tunnel.from_target(b"defg")
        assert (client.written, target.written) == (b"defg", b"abc")
        assert (tunnel.exchange.bytes_in, tunnel.exchange.bytes_out) == (3, 4)

    asyncio.run(work())


def test_the_end_of_one_side_is_told_and_that_of_both_ends_the_tunnel() -> None:
    async def work() -> None:
        tunnel, client, target, _ = joined()
        tunnel.eof(target)
        assert (target.eof, target.closed, client.closed) == (True, False, False)
        tunnel.from_target(b"still")
        assert client.written == b"still"
        tunnel.eof(client)
        assert client.closed
        assert target.closed
        assert tunnel.done.done()

    asyncio.run(work())


def test_where_half_a_close_cannot_be_told_the_tunnel_ends() -> None:
    async def work() -> None:
        tunnel, client, target, _ = joined(eof=False)
        tunnel.eof(target)
        assert client.closed
        assert target.closed

    asyncio.run(work())


def test_a_tunnel_without_traffic_ends_and_says_why() -> None:
    async def work() -> None:
        tunnel, client, _, clock = joined(5)
        clock.advance(4)
        tunnel.from_target(b"a")
        clock.advance(4)
        tunnel.from_client(b"a")
        clock.advance(4)
        assert not client.closed
        clock.advance(2)
        assert client.closed
        assert tunnel.exchange.outcome == "tunnel_idle"
        tunnel.close()

    asyncio.run(work())


def test_a_tunnel_without_a_bound_stays() -> None:
    async def work() -> None:
        _, client, _, clock = joined(0)
        clock.advance(10_000)
        assert not client.closed

    asyncio.run(work())
