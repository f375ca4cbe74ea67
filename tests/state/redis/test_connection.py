from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sluicegate.errors import StateAway
from sluicegate.metrics import HistogramCell
from sluicegate.state.redis.connection import GRACE_TURNS, Connection
from support.loops import run
from support.mock_clock import MockClock


class Wire(asyncio.Transport):
    """Keeps what is written, one item for each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.aborted = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True


class World:
    """A connection whose other end is the test."""

    def __init__(self) -> None:
        self.clock = MockClock()
        self.seconds = HistogramCell((0.01, 0.1))
        self.ends: list[str] = []
        self.wire = Wire()
        self.connection = Connection(
            self, self.clock, asyncio.get_running_loop(), self.seconds, "server", 0.025
        )
        self.connection.connection_made(self.wire)

    def ended(self, connection: Connection, reason: str) -> None:
        assert connection is self.connection
        self.ends.append(reason)

    async def passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await turns(GRACE_TURNS + 2)


async def turns(count: int = 1) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def scene(play: Callable[[World], Any]) -> Callable[[], None]:
    def test() -> None:
        async def body() -> None:
            await play(World())

        run(body())

    test.__name__ = play.__name__
    return test


@scene
async def test_calls_of_one_turn_leave_in_one_write_and_are_answered_in_order(w: World) -> None:
    calls = [w.connection.call(each) for each in (b"a", b"b", b"c")]
    assert w.wire.writes == []
    await turns()
    assert w.wire.writes == [b"abc"]
    w.connection.data_received(b":1\r\n:2\r\n:")
    w.connection.data_received(b"3\r\n")
    assert await asyncio.gather(*calls) == [1, 2, 3]
    assert sum(w.seconds.counts) == 1


@scene
async def test_an_error_is_an_answer(w: World) -> None:
    call = w.connection.call(b"a")
    await turns()
    w.connection.data_received(b"-NOSCRIPT No matching script.\r\n")
    assert str(await call) == "NOSCRIPT No matching script."
    assert w.ends == []


@scene
async def test_what_is_not_answered_in_time_is_away_and_ends_the_connection(w: World) -> None:
    call = w.connection.call(b"a")
    await turns()
    await w.passes(0.024)
    assert not call.done()
    await w.passes(0.001)
    with pytest.raises(StateAway):
        await call
    assert w.ends == ["no answer in time"]
    assert w.wire.aborted
    with pytest.raises(StateAway):
        w.connection.call(b"b")


@scene
async def test_an_answer_that_waits_in_the_socket_is_read_before_the_deadline_counts(
    w: World,
) -> None:
    call = w.connection.call(b"a")
    await turns()
    w.clock.advance(10)  # this process was not given the processor
    w.connection.data_received(b":1\r\n")
    await turns(GRACE_TURNS + 2)
    assert await call == 1
    assert w.ends == []


@scene
async def test_younger_calls_still_get_their_own_answers_and_late_ones_are_dropped(
    w: World,
) -> None:
    old = w.connection.call(b"a")
    await turns()
    await w.passes(0.02)
    young = w.connection.call(b"b")
    await turns()
    await w.passes(0.01)
    with pytest.raises(StateAway):
        await old
    assert not w.wire.aborted
    w.connection.data_received(b":1\r\n:2\r\n")
    assert await young == 2
    assert w.wire.aborted
    assert w.ends == ["no answer in time"]


@scene
async def test_every_call_has_its_time_from_its_own_write(w: World) -> None:
    for _ in range(10):
        call = w.connection.call(b"a")
        await turns()
        await w.passes(0.02)
        w.connection.data_received(b":1\r\n")
        assert await call == 1
    assert w.ends == []


@scene
async def test_a_shorter_time_holds_at_once(w: World) -> None:
    w.connection.allow(0.5)
    call = w.connection.call(b"a")
    await turns()
    w.connection.data_received(b":1\r\n")
    w.connection.allow(0.025)
    late = w.connection.call(b"b")
    await turns()
    await w.passes(0.025)
    assert await call == 1
    with pytest.raises(StateAway):
        await late


@scene
async def test_an_idle_connection_has_no_deadline(w: World) -> None:
    call = w.connection.call(b"a")
    await turns()
    w.connection.data_received(b":1\r\n")
    await call
    await w.passes(3600)
    assert w.ends == []


@scene
async def test_the_answer_to_a_caller_that_has_gone_is_dropped(w: World) -> None:
    gone, there = w.connection.call(b"a"), w.connection.call(b"b")
    await turns()
    gone.cancel()
    w.connection.data_received(b":1\r\n:2\r\n")
    assert await there == 2


@scene
async def test_a_lost_connection_fails_what_is_under_way(w: World) -> None:
    call = w.connection.call(b"a")
    await turns()
    w.connection.connection_lost(ConnectionResetError())
    with pytest.raises(StateAway):
        await call
    assert w.ends == ["the connection broke"]
    assert w.connection.lost


@pytest.mark.parametrize("bytes_", [b"HTTP/1.1 400 Bad Request\r\n", b":1\r\n:2\r\n"])
def test_what_is_no_answer_to_anything_ends_the_connection(bytes_: bytes) -> None:
    async def body() -> None:
        w = World()
        call = w.connection.call(b"a")
        await turns()
        w.connection.data_received(bytes_)
        assert w.wire.aborted
        assert w.ends == ["what came is no answer"]
        call.exception()

    run(body())


@scene
async def test_closing_fails_what_is_under_way_and_tells_nobody(w: World) -> None:
    sent = w.connection.call(b"a")
    await turns()
    unsent = w.connection.call(b"b")
    w.connection.close()
    await turns()
    for call in (sent, unsent):
        with pytest.raises(StateAway):
            await call
    assert w.ends == []
    assert w.wire.writes == [b"a"]


@scene
async def test_a_retired_connection_finishes_what_is_under_way(w: World) -> None:
    call = w.connection.call(b"a")
    await turns()
    w.connection.retire("it is a replica")
    assert not w.wire.aborted
    w.connection.data_received(b":1\r\n")
    assert await call == 1
    assert w.wire.aborted


@scene
async def test_of_a_pair_the_second_answer_counts(w: World) -> None:
    call = w.connection.pair(b"a", b"b")
    await turns()
    assert w.wire.writes == [b"ab"]
    w.connection.data_received(b"+OK\r\n:2\r\n")
    assert await call == 2
