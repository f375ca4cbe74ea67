"""`concurrency`: slots are held while a request is under way, and free on every way out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.limit.concurrency import Config, Policy
from sluicegate.model.consumer import Consumer
from sluicegate.model.units import convert
from sluicegate.policy import Parts
from support.exchanges import counted, exchange, parts, run, sink, target
from support.mock_clock import MockClock

Onward = Callable[[Exchange], Awaitable[None]]


def made(clock: MockClock, **settings: Any) -> tuple[Policy, Parts]:
    given = parts(clock)
    return Policy(convert(settings, Config), given), given


def caller(name: str = "ann", consumer: Consumer | None = None) -> Exchange:
    asked = exchange()
    asked.consumer_name, asked.consumer = name, consumer
    return asked


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class UnderWay:
    """Requests that hold a slot until they are let go."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.gate = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, asked: Exchange) -> int:
        """Begin a request; return 0 while it is under way, else its status."""

        async def onward(inner: Exchange) -> None:
            await self.gate.wait()
            await target()(inner)

        self.tasks.append(asyncio.ensure_future(self.policy.handle(asked, onward)))
        await settled()
        return sink(asked).status

    async def end(self) -> None:
        self.gate.set()
        await asyncio.gather(*self.tasks)
        await settled()


def test_more_at_once_than_the_limit_are_refused_until_one_has_ended() -> None:
    async def work() -> None:
        policy, _ = made(MockClock(), limit=2)
        under_way = UnderWay(policy)
        assert [await under_way.begin(caller()) for _ in range(3)] == [0, 0, 429]
        assert await under_way.begin(caller("bob")) == 0
        await under_way.end()
        assert await UnderWay(policy).begin(caller()) == 0

    asyncio.run(work())


def test_a_refusal_names_the_limit_and_when_to_come_back() -> None:
    async def work() -> None:
        policy, given = made(MockClock(), limit=1, name="up")
        under_way = UnderWay(policy)
        await under_way.begin(caller())
        refused = caller()
        await under_way.begin(refused)
        sent = sink(refused)
        assert sent.problem()["detail"] == "the limit of 1 at once is used up"
        assert sent.header("retry-after") == "1"
        assert sent.header("ratelimit-policy") == '"up-1-concurrent";q=1;qu="concurrent-requests"'
        refusals = "sluicegate_limit_refused_total"
        assert counted(given, refusals, "route:things", "up-1-concurrent") == 1
        await under_way.end()

    asyncio.run(work())


@pytest.mark.parametrize("way", ["error", "cancel"])
def test_a_slot_is_free_again_whatever_ends_its_request(way: str) -> None:
    async def work() -> None:
        policy, _ = made(MockClock(), limit=1)

        async def onward(_: Exchange) -> None:
            if way == "error":
                raise RuntimeError("broken")
            await asyncio.Event().wait()

        for _ in range(3):
            task = asyncio.ensure_future(policy.handle(caller(), onward))
            await settled()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await settled()
        asked = caller()
        await policy.handle(asked, target())
        assert sink(asked).status == 200

    asyncio.run(work())


def test_a_request_that_lasts_keeps_its_slot_past_the_expiry() -> None:
    async def work() -> None:
        clock = MockClock()
        policy, _ = made(clock, limit=1, expiry="9s")
        under_way = UnderWay(policy)
        await under_way.begin(caller())
        for _ in range(10):
            clock.advance(3)
            await settled()
        assert await under_way.begin(caller()) == 429
        await under_way.end()

    asyncio.run(work())


def test_a_consumer_may_have_more_at_once() -> None:
    async def work() -> None:
        policy, _ = made(MockClock(), limit=1, name="up")
        own = Consumer(limits={"up": ["3 concurrent"]})
        under_way = UnderWay(policy)
        assert await under_way.begin(caller()) == 0
        assert await under_way.begin(caller()) == 429
        assert [await under_way.begin(caller(consumer=own)) for _ in range(3)] == [0, 0, 429]
        await under_way.end()

    asyncio.run(work())


def test_shadow_refuses_nobody() -> None:
    async def work() -> None:
        policy, _ = made(MockClock(), limit=1, shadow=True)
        under_way = UnderWay(policy)
        assert [await under_way.begin(caller()) for _ in range(3)] == [0, 0, 0]
        await under_way.end()

    asyncio.run(work())


def test_one_after_another_there_is_always_a_slot() -> None:
    policy, _ = made(MockClock(), limit=1)
    assert [run(policy, caller()).status for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"limit": 0}, "Expected `int` >= 1"),
        ({"limit": 1, "expiry": "500ms"}, "expected `1s` to `1h`"),
        ({"limit": 1, "expiry": "2h"}, "expected `1s` to `1h`"),
        ({"limit": 1, "by": "user"}, "is nobody to count by"),
    ],
)
def test_what_cannot_be_a_limit_is_refused(settings: dict[str, Any], advice: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        convert(settings, Config)
    assert advice in str(caught.value)
