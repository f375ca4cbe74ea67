from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import pytest

from sluicegate.process import drain
from sluicegate.process.health import HealthView
from support.mock_clock import MockClock
from support.ports import listening_socket


class Plane:
    """A data plane that writes down what it is told."""

    def __init__(self, *, endless: bool = False) -> None:
        self.told: list[str] = []
        self.endless = endless

    def begin_drain(self) -> None:
        self.told.append("begin_drain")

    def stop_listening(self, sock: socket.socket) -> None:  # noqa: ARG002 - the real signature
        self.told.append("stop_listening")

    async def drained(self, deadline_s: float) -> None:
        self.told.append(f"drained {deadline_s:g}")
        if self.endless:
            await asyncio.Event().wait()

    async def close(self) -> None:
        self.told.append("close")


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_it_is_not_ready_from_the_start_of_the_grace_and_accepts_until_its_end() -> None:
    async def scenario() -> None:
        clock, plane, cut = MockClock(), Plane(), asyncio.Event()
        health = HealthView(clock, 10)
        health.heard(live=True, ready=True)
        waiting = asyncio.create_task(drain.grace(cast("Any", plane), health, 5, clock, cut))
        await turns()
        assert plane.told == ["begin_drain"]
        assert health.readiness() == "OUT_OF_SERVICE"
        clock.advance(4.9)
        await turns()
        assert not waiting.done()
        clock.advance(0.1)
        await waiting

    asyncio.run(scenario())


def test_after_the_grace_it_stops_accepting_waits_and_closes_in_this_order() -> None:
    async def scenario() -> list[str]:
        plane = Plane()
        with listening_socket() as sock:
            await drain.finish(cast("Any", plane), [sock], 30, MockClock(), asyncio.Event())
        return plane.told

    assert asyncio.run(scenario()) == ["stop_listening", "drained 30", "close"]


def test_connections_that_wait_in_the_queue_are_accepted_first() -> None:
    async def scenario() -> None:
        clock, plane = MockClock(), Plane()
        with listening_socket() as sock, socket.create_connection(sock.getsockname()):
            work = drain.finish(cast("Any", plane), [sock], 30, clock, asyncio.Event())
            finishing = asyncio.create_task(work)
            await turns()
            assert plane.told == []
            accepted, _ = sock.accept()
            clock.advance(drain.GLANCE_S)
            await finishing
            accepted.close()

    asyncio.run(scenario())


def test_new_connections_are_refused_while_what_is_in_flight_finishes() -> None:
    async def scenario() -> None:
        cut, plane = asyncio.Event(), Plane(endless=True)
        with listening_socket() as sock:
            address = sock.getsockname()
            work = drain.finish(cast("Any", plane), [sock], 30, MockClock(), cut)
            finishing = asyncio.create_task(work)
            await turns()
            assert plane.told == ["stop_listening", "drained 30"]
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, 5).close()
            cut.set()
            await asyncio.wait_for(finishing, 5)

    asyncio.run(scenario())


def test_a_queue_that_never_empties_does_not_hold_it_up() -> None:
    async def scenario() -> None:
        clock, plane = MockClock(), Plane()
        with listening_socket() as sock, socket.create_connection(sock.getsockname()):
            work = drain.finish(cast("Any", plane), [sock], 30, clock, asyncio.Event())
            finishing = asyncio.create_task(work)
            for _ in range(300):
                await turns(4)
                clock.advance(drain.GLANCE_S)
            await asyncio.wait_for(finishing, 5)

    asyncio.run(scenario())


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_cut_ends_the_wait_for_what_is_in_flight(when: str) -> None:
    async def scenario() -> list[str]:
        cut, plane = asyncio.Event(), Plane(endless=True)
        if when == "before":
            cut.set()
        work = drain.finish(cast("Any", plane), [], 30, MockClock(), cut)
        finishing = asyncio.create_task(work)
        await turns()
        cut.set()
        await asyncio.wait_for(finishing, 5)
        return plane.told

    assert asyncio.run(scenario())[-1] == "close"


def test_what_breaks_while_waiting_is_not_lost() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        with pytest.raises(ZeroDivisionError):
            await drain.unless(asyncio.Event(), broken())

    asyncio.run(scenario())
