"""What every cache does, in memory and in a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.settings.cache import Cache as Settings
from sluicegate.state.cache.contract import KEY_BYTES, Cache
from sluicegate.state.cache.opening import open_cache
from support.loops import run
from support.valkey import Valkey
from support.valkey_cluster import cluster

KEY, OTHER = b"k" * KEY_BYTES, b"}{\r\n" * (KEY_BYTES // 4)
Scene = Callable[[Cache], Awaitable[None]]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Cache]:
    settings = Settings(url=url, timeout=Duration(10), connect_timeout=Duration(10))
    cache = open_cache(settings, Clock(), Metrics(), "worker-1")
    try:
        await cache.start()
        yield cache
    finally:
        cache.close()


async def comes(cache: Cache, key: bytes, value: bytes | None) -> None:
    """Wait until what was put is there: it is put in the background."""
    for _ in range(1000):
        if await cache.get(key) == value:
            return
    raise AssertionError("it never came")


async def everything(cache: Cache) -> None:
    assert await cache.get(KEY) is None
    cache.put(KEY, b"first", 60)
    cache.put(OTHER, bytes(range(256)), 60)
    await comes(cache, KEY, b"first")
    await comes(cache, OTHER, bytes(range(256)))
    cache.put(KEY, b"second" * 10_000, 60)
    await comes(cache, KEY, b"second" * 10_000)
    cache.put(KEY, b"never", 0)
    assert await cache.get(b"x" * KEY_BYTES) is None


async def play(url: str, scene: Scene) -> None:
    async with opened(url) as cache:
        await scene(cache)


def test_a_value_is_kept_in_memory() -> None:
    run(play("memory://", everything))


def test_a_value_is_kept_in_a_server(valkey: Valkey) -> None:
    run(play(valkey.url, everything))


def test_a_value_is_kept_in_a_cluster(tmp_path: Path) -> None:
    with cluster(tmp_path) as servers:
        run(play(servers.url, everything))


def test_a_value_is_gone_after_its_life(valkey: Valkey) -> None:
    async def scene(cache: Cache) -> None:
        cache.put(KEY, b"short", 0.01)
        await comes(cache, KEY, None)
        cache.put(KEY, b"long", 90.5)
        await comes(cache, KEY, b"long")

    run(play(valkey.url, scene))
    name = b"sg:{" + KEY.hex().encode() + b"}"
    assert 80_000 < int(valkey.client().pttl(name)) <= 90_500


@pytest.mark.parametrize("kind", ["memory://", "server"])
def test_replicas_share_what_a_server_keeps_and_nothing_else(valkey: Valkey, kind: str) -> None:
    url = valkey.url if kind == "server" else kind

    async def scene(cache: Cache) -> None:
        async with opened(url) as other:
            cache.put(KEY, b"value", 60)
            await comes(cache, KEY, b"value")
            assert await other.get(KEY) == (b"value" if kind == "server" else None)

    run(play(url, scene))
