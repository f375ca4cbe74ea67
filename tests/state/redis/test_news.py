from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from structlog.testing import capture_logs

from sluicegate.clock import Clock
from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.settings import State
from sluicegate.state.redis.news import News
from sluicegate.state.redis.shelf import RedisShelf
from support.loops import run
from support.mock_clock import MockClock
from support.state_scenes import patient
from support.valkey import Valkey
from support.valkey_sentinel import primary_with_replicas


def play(url: str, scene: Callable[[RedisShelf, RedisShelf], Awaitable[None]]) -> None:
    """Run a scene with the shelves of two replicas."""

    async def body() -> None:
        shelves = [RedisShelf(patient(url), Clock(), Metrics()) for _ in range(2)]
        try:
            for shelf in shelves:
                await shelf.start()
            await scene(*shelves)
        finally:
            for shelf in shelves:
                shelf.close()

    run(body())


class Heard:
    """What a subscriber was told."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self._changed = asyncio.Event()

    def __call__(self, text: bytes) -> None:
        self.texts.append(text)
        self._changed.set()

    async def until(self, *texts: bytes) -> None:
        while self.texts != list(texts):
            self._changed.clear()
            await self._changed.wait()


async def published(shelf: RedisShelf, topic: str, text: str) -> None:
    """Publish as soon as the state is there."""
    while True:
        try:
            await shelf.publish(topic, text)
        except StateAway:
            await asyncio.sleep(0.01)
        else:
            return


def test_news_reach_who_is_subscribed_to_their_topic_in_order(valkey: Valkey) -> None:
    async def scene(here: RedisShelf, there: RedisShelf) -> None:
        arrivals, keys = Heard(), Heard()
        there.subscribe("arrivals", arrivals)
        there.subscribe("keys", keys)
        await arrivals.until(b"")
        for n in range(5):
            await here.publish("arrivals", str(n))
        await here.publish("keys", "sg_eu_00000000")
        await keys.until(b"", b"sg_eu_00000000")
        await arrivals.until(b"", b"0", b"1", b"2", b"3", b"4")

    play(valkey.url, scene)


def test_what_was_published_before_is_not_told_again(valkey: Valkey) -> None:
    async def scene(here: RedisShelf, there: RedisShelf) -> None:
        await here.publish("arrivals", "before")
        heard = Heard()
        there.subscribe("arrivals", heard)
        await heard.until(b"")
        await here.publish("arrivals", "after")
        await heard.until(b"", b"after")

    play(valkey.url, scene)


def test_who_ended_the_subscription_hears_no_more(valkey: Valkey) -> None:
    async def scene(here: RedisShelf, there: RedisShelf) -> None:
        gone, stays = Heard(), Heard()
        end = there.subscribe("arrivals", gone)
        there.subscribe("arrivals", stays)
        await stays.until(b"")
        end()
        await here.publish("arrivals", "1")
        await stays.until(b"", b"1")
        assert gone.texts == [b""]

    play(valkey.url, scene)


def test_a_subscriber_that_fails_keeps_no_news_from_others(valkey: Valkey) -> None:
    def fails(_text: bytes) -> None:
        raise ValueError("of its own")

    async def scene(here: RedisShelf, there: RedisShelf) -> None:
        heard = Heard()
        there.subscribe("arrivals", fails)
        there.subscribe("arrivals", heard)
        await heard.until(b"")
        await here.publish("arrivals", "1")
        await heard.until(b"", b"1")

    with capture_logs() as lines:
        play(valkey.url, scene)
    assert {line["event"] for line in lines} == {"state_news_failed"}


def test_after_a_loss_subscribers_are_told_that_they_may_have_missed_something(
    tmp_path: Path,
) -> None:
    async def scene(here: RedisShelf, there: RedisShelf) -> None:
        heard = Heard()
        there.subscribe("arrivals", heard)
        await heard.until(b"")
        server.kill()
        server.start()
        await heard.until(b"", b"")
        await published(here, "arrivals", "1")
        await heard.until(b"", b"", b"1")

    with Valkey(tmp_path) as server:
        play(server.url, scene)


def test_news_begin_with_a_server_that_comes_later(tmp_path: Path) -> None:
    async def scene(here: RedisShelf, there: RedisShelf) -> None:
        heard = Heard()
        there.subscribe("arrivals", heard)
        server.start()
        await heard.until(b"")
        await published(here, "arrivals", "1")
        await heard.until(b"", b"1")

    server = Valkey(tmp_path)
    try:
        play(server.url, scene)
    finally:
        server.stop()


def test_news_come_from_the_new_primary_after_a_failover(tmp_path: Path) -> None:
    async def scene(here: RedisShelf, there: RedisShelf) -> None:
        heard = Heard()
        there.subscribe("arrivals", heard)
        await heard.until(b"")
        before = deployment.primary()
        before.kill()
        while deployment.primary() is before:  # noqa: ASYNC110 - Sentinels tell nobody
            await asyncio.sleep(0.05)
        while heard.texts[-1] != b"after":
            await published(here, "arrivals", "after")
            await asyncio.sleep(0.05)
        assert heard.texts.count(b"") >= 2

    with primary_with_replicas(tmp_path, replicas=1) as deployment:
        play(deployment.url, scene)


def test_a_server_that_refuses_to_be_read_is_not_asked_all_the_time(valkey: Valkey) -> None:
    async def body() -> None:
        clock = MockClock()
        news = News(State(url=valkey.url, connect_timeout=Duration(10)), clock, b"sg:{news}")
        news.subscribe("arrivals", print)
        try:
            await news.start()
            for moved_s, asked in ((0, 1), (4.9, 1), (0.2, 2)):
                clock.advance(moved_s)
                await asyncio.sleep(0.05)  # what is wrong would be asked in the meantime
                while asks() < asked:  # noqa: ASYNC110 - the server tells nobody
                    await asyncio.sleep(0.001)
                assert asks() == asked
        finally:
            news.close()
            await asyncio.sleep(0)

    def asks() -> int:
        return int(client.info("commandstats").get("cmdstat_xrevrange", {"calls": 0})["calls"])

    with valkey.client() as client, capture_logs():
        client.config_resetstat()
        client.set("sg:{news}", "not a stream")
        run(body())
