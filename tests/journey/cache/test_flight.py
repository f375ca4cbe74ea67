"""One request that several exchanges follow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sluicegate.errors import BAD_CONTENT, UNAVAILABLE, Refused, UpstreamReset
from sluicegate.exchange import Exchange
from sluicegate.journey.cache.flight import TRIM, Flight
from sluicegate.journey.cache.follower import AGAIN, DONE, FAILED, Follower
from support.cached_calls import begin, call, client, turns

Onward = Callable[[Exchange], Awaitable[None]]
LAG = 65_536


class Wait:
    """A source that pauses when told."""

    paused = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


def join(flight: Flight, *, first: bool = False, last: bool = False) -> tuple[Exchange, Follower]:
    asked = call()
    follower = Follower(asked, flight, first=first, last=last)
    flight.add(follower)
    return asked, follower


def test_who_joins_late_gets_everything_from_the_beginning() -> None:
    async def work() -> None:
        flight = Flight(call(), LAG, ())
        one, _ = join(flight, first=True)
        begin(flight.copy)
        flight.copy.chunk(b"a")
        flight.copy.sink.flush()
        assert client(one).flushed == b"a"
        two, done = join(flight)
        flight.copy.chunk(b"b")
        flight.copy.end(None)
        assert [client(each).body for each in (one, two)] == [b"ab", b"ab"]
        assert client(two).ended
        assert done.done.result() == DONE
        assert not flight.open

    asyncio.run(work())


def test_the_service_waits_only_while_everyone_does() -> None:
    async def work() -> None:
        flight, source = Flight(call(), LAG, ()), Wait()
        _, one = join(flight, first=True)
        asked, two = join(flight)
        begin(flight.copy)
        flight.copy.flow = source
        one.pause()
        assert not source.paused
        two.pause()
        assert source.paused
        flight.copy.chunk(b"a")
        assert client(asked).body == b""
        two.resume()
        assert not source.paused
        assert client(asked).flushed == b"a"

    asyncio.run(work())


def test_who_is_too_far_behind_is_cut_off_and_the_others_go_on() -> None:
    async def work() -> None:
        flight = Flight(call(), LAG, ())
        slow, one = join(flight, first=True)
        fast, _ = join(flight)
        begin(flight.copy)
        one.pause()
        for _ in range(TRIM * 3):
            flight.copy.chunk(b"x" * 1024)
        assert one.slow
        assert slow.outcome == "client_slow"
        assert isinstance(one.done.exception(), Refused)
        assert len(client(fast).body) == TRIM * 3 * 1024
        flight.leave(one)
        flight.copy.chunk(b"y")
        assert len(flight.pieces) < TRIM
        assert not flight.open

    asyncio.run(work())


def test_who_is_alone_is_waited_for_however_slow() -> None:
    async def work() -> None:
        flight = Flight(call(), LAG, ())
        asked, one = join(flight, first=True)
        begin(flight.copy)
        one.pause()
        flight.copy.chunk(b"x" * (2 * LAG))
        one.resume()
        flight.copy.end(None)
        assert len(client(asked).body) == 2 * LAG
        assert one.done.result() == DONE

    asyncio.run(work())


async def fly(onward: Onward, followers: int = 2) -> tuple[Flight, list[Follower]]:
    flight = Flight(call(), LAG, ())
    made = [join(flight, first=number == 0)[1] for number in range(followers)]
    flight.task = asyncio.ensure_future(flight.run(onward))
    await turns()
    return flight, made


def refusing(problem: Refused) -> Onward:
    async def onward(asked: Exchange) -> None:
        asked.refuse(problem.problem, problem.detail)

    return onward


def raising(error: Exception) -> Onward:
    async def onward(_: Exchange) -> None:
        raise error

    return onward


@pytest.mark.parametrize("make", [refusing, raising])
@pytest.mark.parametrize(
    ("refused", "other"), [(Refused(BAD_CONTENT), FAILED), (Refused(UNAVAILABLE), AGAIN)]
)
def test_a_failure_is_everyones_where_the_request_is_at_fault(
    make: Callable[[Refused], Onward], refused: Refused, other: int
) -> None:
    async def work() -> None:
        _, followers = await fly(make(refused))
        assert [each.done.result() for each in followers] == [FAILED, other]

    asyncio.run(work())


def test_a_stream_that_breaks_off_is_cut_for_everyone() -> None:
    async def breaks(asked: Exchange) -> None:
        begin(asked)
        asked.chunk(b"half")
        asked.cut()

    async def work() -> None:
        flight, followers = await fly(breaks)
        for each in followers:
            assert isinstance(each.done.exception(), UpstreamReset)
        assert flight.broken

    asyncio.run(work())


def test_who_pays_is_always_somebody_who_follows() -> None:
    async def work() -> None:
        flight = Flight(call(), LAG, ())
        followers = [join(flight, first=number == 0)[1] for number in range(3)]
        for number in range(2):
            assert flight.payer is followers[number]
            flight.leave(followers[number])
        begin(flight.copy)
        flight.copy.end(None)
        flight.leave(followers[2])
        assert flight.payer is followers[2]

    asyncio.run(work())


def test_a_request_that_nobody_follows_is_given_up() -> None:
    ended: list[bool] = []

    async def hangs(_: Exchange) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def work() -> None:
        flight, followers = await fly(hangs, 1)
        flight.leave(followers[0])
        await flight.close()
        assert ended

    asyncio.run(work())


def test_another_protocol_is_never_flown() -> None:
    async def work() -> None:
        flight = Flight(call(), LAG, ())
        with pytest.raises(RuntimeError):
            flight.send_upgrade(flight.copy, flight.copy.request.headers)
        with pytest.raises(RuntimeError):
            _ = flight.transport

    asyncio.run(work())
