"""Failed sign-ins by address: who fails too often has to wait."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from sluicegate.journey.limit.subjects import ip

if TYPE_CHECKING:
    from sluicegate.clock import Clock

MOST: Final = 10
"""Failures in a window. NIST SP 800-63B, section 5.2.2, allows 100 in a row; Vault: 5."""
WINDOW_S: Final = 60.0
ADDRESSES: Final = 4096
"""Whose failures are remembered; past that the oldest are forgotten."""
IPV6_BITS: Final = 64
"""A host has at least that much to choose addresses from (RFC 4291, section 2.5.1)."""


class Attempts:
    """Counts failures per address, in windows that begin with the first one."""

    def __init__(self, clock: Clock) -> None:
        """Start with none."""
        self._clock = clock
        self._network = ip.prefix(ip.V4_BITS, IPV6_BITS)
        self._failures: dict[str, tuple[float, int]] = {}

    def wait_s(self, address: str) -> int:
        """Return for how many seconds this address may not try again; 0 where it may."""
        ends_at, count = self._failures.get(self._network(address), (0.0, 0))
        left_s = ends_at - self._clock.monotonic()
        return ceil(left_s) if count >= MOST and left_s > 0 else 0

    def failed(self, address: str) -> None:
        """Count a failure."""
        prefix, now = self._network(address), self._clock.monotonic()
        ends_at, count = self._failures.pop(prefix, (0.0, 0))
        if ends_at <= now:
            ends_at, count = now + WINDOW_S, 0
        if len(self._failures) >= ADDRESSES:
            del self._failures[next(iter(self._failures))]
        self._failures[prefix] = (ends_at, count + 1)
