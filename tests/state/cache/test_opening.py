from __future__ import annotations

import pytest

from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.settings import State
from sluicegate.settings.cache import Cache
from sluicegate.state.cache.memory import MemoryCache
from sluicegate.state.cache.opening import cache_faults, open_cache
from sluicegate.state.cache.redis import RedisCache


def test_the_url_says_which_cache_it_is() -> None:
    memory = open_cache(Cache(), Clock(), Metrics(), "w")
    server = open_cache(Cache(url="redis://127.0.0.1:1"), Clock(), Metrics(), "w")
    assert isinstance(memory, MemoryCache)
    assert isinstance(server, RedisCache)
    server.close()


@pytest.mark.parametrize(
    ("cache", "field"),
    [
        (Cache(url="redis://state:6379"), "url"),
        (Cache(url="redis://a,b"), "url"),
        (Cache(url="redis://a", timeout=Duration(0)), "timeout"),
        (Cache(url="redis://a", username="u"), "username"),
    ],
)
def test_settings_that_do_not_go_together_are_named(cache: Cache, field: str) -> None:
    faults = cache_faults(cache, State(url="redis://state:6379"))
    assert [name for name, _ in faults] == [field]


def test_a_cache_of_its_own_and_one_in_memory_are_right() -> None:
    assert cache_faults(Cache(url="redis://other"), State(url="redis://state")) == []
    assert cache_faults(Cache(), State()) == []
