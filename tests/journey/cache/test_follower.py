from __future__ import annotations

import asyncio

from sluicegate.exchange import Exchange
from sluicegate.headers import Headers
from sluicegate.journey.cache.flight import Flight
from sluicegate.journey.cache.follower import ALONE, DONE, Follower
from support.cached_calls import begin, call, client


def test_only_who_joined_is_told_that_it_did() -> None:
    async def work() -> None:
        flight = Flight(call(), 65_536, ())
        first, second = call(), call()
        flight.add(Follower(first, flight, first=True, last=False))
        flight.add(Follower(second, flight, first=False, last=False))
        begin(flight.copy, [(b"sluicegate-cost", b"7"), (b"content-type", b"x")])
        assert client(first).header("sluicegate-cache") is None
        assert client(first).header("sluicegate-cost") == "7"
        assert client(second).header("sluicegate-cache") == "joined"
        assert client(second).header("sluicegate-cost") == "0"
        assert client(second).header("content-type") == "x"

    asyncio.run(work())


def test_headers_of_one_are_not_those_of_another() -> None:
    async def work() -> None:
        flight = Flight(call(), 65_536, ())
        first, second = call(), call()

        def mark(asked: Exchange) -> None:
            assert asked.response is not None
            asked.response.headers.append((b"mine", b"1"))

        first.on_head(mark)
        for each in (first, second):
            flight.add(Follower(each, flight, first=each is first, last=False))
        begin(flight.copy)
        assert client(first).header("mine") == "1"
        assert client(second).header("mine") is None

    asyncio.run(work())


def test_waiting_ends_only_while_nothing_has_come() -> None:
    async def work() -> None:
        flight = Flight(call(), 65_536, ())
        waiting = Follower(call(), flight, first=False, last=False)
        waiting.go_alone()
        assert waiting.done.result() == ALONE
        begun = Follower(call(), flight, first=True, last=False)
        flight.add(begun)
        begin(flight.copy)
        begun.go_alone()
        assert not begun.done.done()
        flight.copy.end(None)
        assert begun.done.result() == DONE

    asyncio.run(work())


def test_what_one_exchanges_policy_breaks_fails_that_exchange_alone() -> None:
    async def work() -> None:
        flight = Flight(call(), 65_536, ())
        bad, good = call(), call()

        def broken(_: Exchange, __: bytes) -> bytes:
            raise RuntimeError("a policy")

        bad.on_chunk(broken)
        followers = [Follower(each, flight, first=each is bad, last=False) for each in (bad, good)]
        for each in followers:
            flight.add(each)
        begin(flight.copy, Headers())
        flight.copy.chunk(b"a")
        flight.copy.end(None)
        assert isinstance(followers[0].done.exception(), RuntimeError)
        assert client(good).body == b"a"

    asyncio.run(work())
