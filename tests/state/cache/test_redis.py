from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.settings.cache import Cache as Settings
from sluicegate.settings.cache import CacheTls
from sluicegate.state.cache.redis import MOST_UNDER_WAY, RedisCache, as_state
from support.loops import run
from support.ports import free_port
from support.valkey import PASSWORD, USER, Valkey, tls_server

KEY = b"k" * 32


def play(scene: Callable[[RedisCache], Awaitable[None]], **settings: object) -> dict[str, float]:
    """Run a scene with a cache; return how many calls went how.

    The machine is shared: what is not about deadlines has none that matters.
    """
    metrics = Metrics()
    settings = {"timeout": Duration(10), "connect_timeout": Duration(10), **settings}

    async def body() -> None:
        cache = RedisCache(Settings(**settings), Clock(), metrics, "worker-1")  # type: ignore[arg-type]
        try:
            await cache.start()
            await scene(cache)
        finally:
            cache.close()

    run(body())
    family = metrics.families["sluicegate_cache_calls_total"]
    return {each: family.cell(each).value for each in ("ok", "away", "dropped")}


def test_a_server_that_is_not_there_is_a_miss() -> None:
    async def scene(cache: RedisCache) -> None:
        cache.put(KEY, b"value", 60)
        assert await cache.get(KEY) is None

    counts = play(scene, url=f"redis://127.0.0.1:{free_port()}")
    assert counts["ok"] == 0
    assert counts["away"] >= 1


def test_a_server_that_hangs_is_waited_for_once(tmp_path: Path) -> None:
    with Valkey(tmp_path) as server:

        async def scene(cache: RedisCache) -> None:
            assert await cache.get(KEY) is None
            server.pause()
            for _ in range(200):  # each of them would wait as long as the first
                assert await cache.get(KEY) is None
            server.resume()

        counts = play(scene, url=server.url, timeout=Duration(5))
        assert counts["away"] == 200


def test_what_is_put_while_too_much_is_under_way_is_dropped(valkey: Valkey) -> None:
    async def scene(cache: RedisCache) -> None:
        for number in range(MOST_UNDER_WAY + 3):
            cache.put(b"%32d" % number, b"value", 60)
        while await cache.get(b"%32d" % (MOST_UNDER_WAY - 1)) is None:
            pass
        assert await cache.get(b"%32d" % MOST_UNDER_WAY) is None

    assert play(scene, url=valkey.url)["dropped"] == 3


def test_what_somebody_else_keeps_under_the_name_is_a_miss(valkey: Valkey) -> None:
    valkey.client().lpush("sg:{" + KEY.hex() + "}", "not a string")

    async def scene(cache: RedisCache) -> None:
        assert await cache.get(KEY) is None

    assert play(scene, url=valkey.url)["away"] == 1


def test_a_server_with_tls_and_users_is_a_cache(tmp_path: Path) -> None:
    with tls_server(tmp_path) as secure:

        async def scene(cache: RedisCache) -> None:
            cache.put(KEY, b"value", 60)
            while await cache.get(KEY) is None:
                pass

        counts = play(
            scene,
            url=secure.url,
            username=USER,
            password=PASSWORD,
            tls=CacheTls(ca=str(secure.authority.ca)),
        )
        assert counts["away"] == 0


@pytest.mark.parametrize("field", ["url", "username", "password", "timeout", "namespace"])
def test_the_settings_of_a_cache_are_those_of_a_state_at_its_place(field: str) -> None:
    given = Settings(url="redis://a", username="u", password="p", namespace="n")
    assert getattr(as_state(given), field) == getattr(given, field)
