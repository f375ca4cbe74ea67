"""From settings to a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.state.cache.memory import MemoryCache
from sluicegate.state.cache.redis import RedisCache, as_state
from sluicegate.state.redis.address import parse_address, state_faults

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.settings import State
    from sluicegate.settings.cache import Cache as Settings
    from sluicegate.state.cache.contract import Cache


def open_cache(settings: Settings, clock: Clock, metrics: Metrics, worker_id: str) -> Cache:
    """Build the cache of a `cache.url`; `await cache.start()` connects it.

    `worker_id` is what its server calls our connections. Raises ConfigError where a file of
    `cache.tls` cannot be used.
    """
    if parse_address(settings.url).kind == "memory":
        return MemoryCache(clock, metrics, int(settings.max_bytes))
    return RedisCache(settings, clock, metrics, worker_id)


def cache_faults(settings: Settings, state: State) -> list[tuple[str, str]]:
    """Return what is wrong with settings that are each well-formed: pairs of field and message."""
    faults = state_faults(as_state(settings))
    if settings.url != "memory://" and settings.url == state.url:
        message = "the server of `state.url`, where nothing may be evicted; expected another one"
        faults.append(("url", message))
    return faults
