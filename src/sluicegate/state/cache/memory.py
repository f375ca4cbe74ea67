"""Answers in the worker, in the order of their last use, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics

ENTRY_BYTES: Final = 512
"""What an entry takes beside its value: key, slots of the table, objects. Measured: 430 bytes."""


class MemoryCache:
    """A `Cache`. Not shared with other workers."""

    __slots__ = ("_clock", "_evicted", "_kept", "_most", "bytes")

    def __init__(self, clock: Clock, metrics: Metrics, max_bytes: int) -> None:
        """Start empty."""
        self._clock = clock
        self._most = max_bytes
        self._kept: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self.bytes = 0
        family = metrics.family
        self._evicted = family(
            "sluicegate_cache_evicted_total",
            "counter",
            "Answers that made room for others before their time in a worker's own memory.",
        ).cell()
        held = family(
            "sluicegate_cache_bytes",
            "gauge",
            "Bytes of the answers that workers keep in their own memory.",
        ).cell()

        def observe() -> None:
            held.value = self.bytes

        metrics.at_scrape(observe)

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    def close(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.bytes = 0

    async def get(self, key: bytes) -> bytes | None:
        """Return what is kept under a key, and count it as used."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept[0] <= self._clock.monotonic():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept[1]

    def put(self, key: bytes, value: bytes, life_s: float) -> None:
        """Keep a value, in the place of those that were not used for longest."""
        self._drop(key)
        size = len(value) + ENTRY_BYTES
        if size > self._most or life_s <= 0:
            return
        self._kept[key] = (self._clock.monotonic() + life_s, value)
        self.bytes += size
        now = self._clock.monotonic()
        while self.bytes > self._most:
            oldest = next(iter(self._kept))
            if self._kept[oldest][0] > now:
                self._evicted.value += 1
            self._drop(oldest)

    def _drop(self, key: bytes) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.bytes -= len(kept[1]) + ENTRY_BYTES
