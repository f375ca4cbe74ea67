"""Answers in a Redis or Valkey of their own, on connections of their own.

    <namespace>:{<key in hex>}        the value; lives as long as it was put for

Nothing here waits longer than the deadline of a call: a server that does not answer opens the
breaker, and until it answers again everything is a miss at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.settings import State, StateTls
from sluicegate.state.redis.breaker import Watch
from sluicegate.state.redis.caller import Caller
from sluicegate.state.redis.calls import CallCounts
from sluicegate.state.redis.open import open_nodes
from sluicegate.state.redis.resp import command
from sluicegate.state.redis.scripts import script

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.settings.cache import Cache as Settings
    from sluicegate.settings.cache import CacheTls

MOST_UNDER_WAY: Final = 256
"""Values that are being put at a time, per worker; beyond it they are not kept."""


class RedisCache:
    """A `Cache`. `start` it on the loop that it is used on."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics, worker_id: str) -> None:
        """Take `cache` settings; nothing is connected yet. Raises ConfigError for files of TLS."""
        # What is said of the state is said by those who count in it: these gauges stay hidden.
        hidden = Metrics()
        watch = Watch(hidden)
        counts = CallCounts(clock, hidden, watch)
        self._nodes = open_nodes(
            as_state(settings), clock, watch, counts, f"sluicegate-cache-{worker_id}"
        )
        self._caller = Caller(self._nodes, counts)
        self._before = f"{settings.namespace}:{{".encode()
        self._script = script("keep")  # never run: the caller wants one for an answer NOSCRIPT
        self._putting: set[asyncio.Task[None]] = set()
        calls = metrics.family(
            "sluicegate_cache_calls_total",
            "counter",
            "Calls to the cache's own server: `ok`, `away` where it did not do them in time, or "
            "`dropped` where too many values were on their way to it.",
            ("outcome",),
        )
        self._ok, self._away = calls.cell("ok"), calls.cell("away")
        self._dropped = calls.cell("dropped")

    async def start(self) -> None:
        """Connect; returns once that was tried."""
        await self._nodes.start()

    def close(self) -> None:
        """Let go of timers and connections."""
        for task in self._putting:
            task.cancel()
        self._nodes.close()

    async def get(self, key: bytes) -> bytes | None:
        """Return what is kept under a key; None where nobody answers in time."""
        tag = key.hex().encode()
        value = await self._call(tag, command("GET", self._key(tag)))
        return value if isinstance(value, bytes) else None

    def put(self, key: bytes, value: bytes, life_s: float) -> None:
        """Send a value on its way."""
        life_ms = int(life_s * 1000)
        if life_ms <= 0:
            return
        if len(self._putting) >= MOST_UNDER_WAY:
            self._dropped.value += 1
            return
        tag = key.hex().encode()
        written = command("SET", self._key(tag), value, "PX", life_ms)
        task = asyncio.get_running_loop().create_task(self._put(tag, written))
        self._putting.add(task)
        task.add_done_callback(self._putting.discard)

    async def _put(self, tag: bytes, written: bytes) -> None:
        await self._call(tag, written)

    async def _call(self, tag: bytes, written: bytes) -> Any:  # noqa: ANN401 - what the server replies
        try:
            reply = await self._caller.call(tag, written, self._script)
        except StateAway:
            self._away.value += 1
            return None
        self._ok.value += 1
        return reply

    def _key(self, tag: bytes) -> bytes:
        return b"%b%b}" % (self._before, tag)


def as_state(settings: Settings) -> State:
    """Return the settings of a state at the same place: servers are found in one way only."""
    return State(
        url=settings.url,
        username=settings.username,
        password=settings.password,
        sentinel_username=settings.sentinel_username,
        sentinel_password=settings.sentinel_password,
        tls=_files(settings.tls),
        timeout=settings.timeout,
        connect_timeout=settings.connect_timeout,
        namespace=settings.namespace,
    )


def _files(tls: CacheTls | None) -> StateTls | None:
    if tls is None:
        return None
    return StateTls(ca=tls.ca, certificate=tls.certificate, key=tls.key)
