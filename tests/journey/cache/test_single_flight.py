"""`single_flight`: of identical requests at a time one goes to the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sluicegate.errors import BAD_CONTENT, UNAVAILABLE, Refused
from sluicegate.exchange import Exchange, Response
from sluicegate.headers import Headers
from sluicegate.journey.cache.exact import Config as ExactConfig
from sluicegate.journey.cache.exact import Policy as Exact
from sluicegate.journey.cache.single_flight import Config, Policy
from sluicegate.model.units import convert
from support.cached_calls import begin, call, charge, client, turns, with_cache
from support.exchanges import counted, exchange, sink
from support.mock_clock import MockClock

Onward = Callable[[Exchange], Awaitable[None]]


class Service:
    """A dispatch that answers when it is told, and remembers who came."""

    def __init__(self) -> None:
        self.asked: list[Exchange] = []
        self.gate = asyncio.Event()
        self.fails: list[Exception] = []
        self.cancelled = 0
        self.headers: list[tuple[bytes, bytes]] = []

    async def onward(self, asked: Exchange) -> None:
        self.asked.append(asked)
        try:
            await self.gate.wait()
            if self.fails:
                raise self.fails.pop(0)
            begin(asked, self.headers)
            asked.chunk(b"answer")
            if asked.call is not None:
                charge(asked)
            asked.end(None)
        except asyncio.CancelledError:
            self.cancelled += 1
            if asked.call is not None:
                charge(asked, cost=1)
            raise


class Flying:
    """The policy, with exchanges under way. Made within a loop."""

    def __init__(self, **settings: Any) -> None:
        self.clock = MockClock()
        self.parts = with_cache(self.clock)
        self.policy = Policy(convert(settings, Config), self.parts)
        self.service = Service()
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, *exchanges: Exchange) -> None:
        for each in exchanges:
            each.clock = self.clock
            self.tasks.append(asyncio.ensure_future(self._run(each)))
        await turns()

    async def _run(self, asked: Exchange) -> None:
        try:
            await self.policy.handle(asked, self.service.onward)
        except Refused as refused:
            asked.refuse(refused.problem, refused.detail, refused.headers)

    async def end(self) -> None:
        self.service.gate.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await turns()
        assert not self.policy._flights
        assert not self.parts.aside

    def counted(self, role: str) -> float:
        return counted(self.parts, "sluicegate_single_flight_total", "route:things", role)


def costs(*exchanges: Exchange) -> list[int | None]:
    return [None if each.call is None else each.call.cost for each in exchanges]


def test_a_thousand_identical_calls_are_one_at_the_service() -> None:
    async def work() -> None:
        flying = Flying()
        exchanges = [call() for _ in range(1000)]
        await flying.begin(*exchanges)
        await flying.end()
        assert len(flying.service.asked) == 1
        assert {client(each).body for each in exchanges} == {b"answer"}
        assert sum(each.call is not None and each.call.cost == 7 for each in exchanges) == 1
        assert (flying.counted("led"), flying.counted("joined")) == (1, 999)

    asyncio.run(work())


def test_the_first_is_charged_and_the_others_are_not() -> None:
    async def work() -> None:
        flying = Flying()
        first, second = call(), call()
        await flying.begin(first, second)
        await flying.end()
        assert costs(first, second) == [7, 0]
        assert [each.attempts for each in (first, second)] == [1, 0]
        assert second.call is not None
        assert second.call.from_cache
        assert client(second).header("sluicegate-cache") == "joined"

    asyncio.run(work())


def test_different_calls_do_not_wait_for_each_other() -> None:
    async def work() -> None:
        flying = Flying()
        await flying.begin(call(), call(consumer="bob"), call({"model": "m", "messages": []}))
        assert len(flying.service.asked) == 3
        await flying.end()

    asyncio.run(work())


def test_where_the_first_goes_away_the_next_one_pays_and_nobody_asks_again() -> None:
    async def work() -> None:
        flying = Flying()
        first, second, third = call(), call(), call()
        await flying.begin(first, second, third)
        flying.tasks[0].cancel()
        await turns()
        await flying.end()
        assert len(flying.service.asked) == 1
        assert flying.service.cancelled == 0
        assert client(second).body == client(third).body == b"answer"
        assert costs(first, second, third) == [0, 7, 0]

    asyncio.run(work())


def test_where_everyone_goes_away_the_last_one_pays_for_what_was_used() -> None:
    async def work() -> None:
        flying = Flying()
        first, second = call(), call()
        await flying.begin(first, second)
        for task in flying.tasks:
            task.cancel()
            await turns()
        assert flying.service.cancelled == 1
        await flying.end()
        assert costs(first, second) == [0, 1]
        assert flying.tasks[1].cancelled()

    asyncio.run(work())


def test_a_failure_is_handed_over_to_the_next() -> None:
    async def work() -> None:
        flying = Flying()
        flying.service.fails = [Refused(UNAVAILABLE)]
        exchanges = [call() for _ in range(3)]
        await flying.begin(*exchanges)
        await flying.end()
        assert [client(each).status for each in exchanges] == [503, 200, 200]
        assert len(flying.service.asked) == 2
        assert flying.counted("handed_over") == 2

    asyncio.run(work())


def test_a_service_that_always_fails_is_asked_three_times_for_however_many() -> None:
    async def work() -> None:
        flying = Flying()
        flying.service.fails = [Refused(UNAVAILABLE) for _ in range(10)]
        exchanges = [call() for _ in range(50)]
        await flying.begin(*exchanges)
        await flying.end()
        assert {client(each).status for each in exchanges} == {503}
        assert len(flying.service.asked) == 3

    asyncio.run(work())


def test_a_request_at_fault_is_asked_once() -> None:
    async def work() -> None:
        flying = Flying()

        async def onward(asked: Exchange) -> None:
            flying.service.asked.append(asked)
            await flying.service.gate.wait()
            asked.refuse(BAD_CONTENT)

        flying.service.onward = onward  # type: ignore[method-assign]
        exchanges = [call() for _ in range(3)]
        for number, each in enumerate(exchanges):
            each.request.request_id = f"id-{number}"
        await flying.begin(*exchanges)
        await flying.end()
        assert [client(each).status for each in exchanges] == [400] * 3
        assert len(flying.service.asked) == 1
        for number, each in enumerate(exchanges):
            assert f"id-{number}" in client(each).body.decode()
            assert each.problem is BAD_CONTENT

    asyncio.run(work())


def test_an_errors_own_words_reach_everyone_once_the_tries_are_used_up() -> None:
    async def work() -> None:
        flying = Flying()

        async def onward(asked: Exchange) -> None:
            flying.service.asked.append(asked)
            await flying.service.gate.wait()
            asked.head(Response(404, Headers([(b"a", b"b")]), 4), None)
            asked.chunk(b"none")
            asked.end(None)

        flying.service.onward = onward  # type: ignore[method-assign]
        exchanges = [exchange() for _ in range(2)]
        await flying.begin(*exchanges)
        await flying.end()
        assert [(sink(e).status, sink(e).body, sink(e).length) for e in exchanges] == [
            (404, b"none", 4)
        ] * 2
        assert len(flying.service.asked) == 1

    asyncio.run(work())


def test_nobody_waits_longer_than_told_or_than_it_has_time() -> None:
    async def work() -> None:
        flying = Flying(wait="10s")
        first, second, third = call(), call(), call()
        third.deadline = flying.clock.monotonic() + 2
        await flying.begin(first, second, third)
        flying.clock.advance(3)
        await turns()
        assert [each is not None for each in flying.service.asked] == [True] * 2
        flying.clock.advance(8)
        await turns()
        assert len(flying.service.asked) == 3
        assert flying.counted("alone") == 2
        await flying.end()
        assert costs(first, second, third) == [7, 7, 7]

    asyncio.run(work())


def test_an_answer_for_one_client_is_not_given_to_another() -> None:
    async def work() -> None:
        flying = Flying(shared=True)
        flying.service.headers = [(b"set-cookie", b"session=1")]
        exchanges = [exchange() for _ in range(3)]
        await flying.begin(*exchanges)
        await flying.end()
        assert len(flying.service.asked) == 3
        assert [sink(each).header("sluicegate-cache") for each in exchanges] == [None] * 3

    asyncio.run(work())


def test_who_wants_a_fresh_answer_waits_for_nobody() -> None:
    async def work() -> None:
        flying = Flying()
        fresh = call(headers={"cache-control": "no-cache"})
        await flying.begin(call(), fresh)
        assert len(flying.service.asked) == 2
        await flying.end()
        assert flying.counted("bypass") == 1

    asyncio.run(work())


def test_with_exact_before_it_the_answer_is_kept_once() -> None:
    async def work() -> None:
        flying = Flying()
        exact = Exact(ExactConfig(), flying.parts)
        inner = flying.policy

        async def handle(asked: Exchange, onward: Onward) -> None:
            async def next_one(passed: Exchange) -> None:
                await inner.handle(passed, onward)

            await exact.handle(asked, next_one)

        flying.policy = type("Both", (), {"handle": staticmethod(handle), "_flights": {}})()
        exchanges = [call() for _ in range(3)]
        await flying.begin(*exchanges)
        await flying.end()
        late = call()
        await flying.begin(late)
        await asyncio.gather(*flying.tasks)
        said = [client(each).header("sluicegate-cache") for each in (*exchanges, late)]
        assert said == ["miss", "joined", "joined", "hit"]
        family = "sluicegate_cache_answers_total"
        assert counted(flying.parts, family, "route:things", "kept") == 1
        assert len(flying.service.asked) == 1

    asyncio.run(work())


def test_policies_that_hold_an_answer_back_do_so_for_each() -> None:
    async def work() -> None:
        flying = Flying()
        exchanges = [call(), call()]

        async def upper(_: Exchange, body: bytes) -> bytes:
            return body.upper()

        for each in exchanges:
            each.whole(100, upper)
        await flying.begin(*exchanges)
        await flying.end()
        assert [client(each).body for each in exchanges] == [b"ANSWER"] * 2
        assert len(flying.service.asked) == 1

    asyncio.run(work())


@pytest.mark.parametrize("given", [{"wait": "0"}, {"buffer": "1KiB"}, {"vary": [""]}])
def test_settings_that_nobody_could_follow_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        convert(given, Config)
