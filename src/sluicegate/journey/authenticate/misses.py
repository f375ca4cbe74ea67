"""How many unknown keys may be asked for, so that who guesses keys cannot keep others waiting.

There is one allowance for all, and one for each network that callers come from, a tenth as large.
Who has used up its own goes on as long as half of a second's worth is left for everybody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.journey.limit.subjects import ip

if TYPE_CHECKING:
    from collections.abc import Callable

GRANTED: Final = 0
OVER_SHARE: Final = 1
"""The network has used up its share, and others may want theirs."""
OVER_ALL: Final = 2
SHARES: Final = 10
V4_BITS: Final = 24
V6_BITS: Final = 56
"""A site's network (RFC 6177). Nginx and others limit by the like."""
MOST_NETWORKS: Final = 65_536


class Share:
    """What is left of a network's allowance, as of `at`."""

    __slots__ = ("at", "left")

    def __init__(self, left: float, at: float) -> None:
        """Start with `left`."""
        self.left = left
        self.at = at


class Misses:
    """Two levels of token buckets, each one second's worth large. Times are monotonic seconds."""

    __slots__ = ("_at", "_left", "_most", "_network", "_per_s", "_shares", "_size")

    def __init__(self, per_s: float) -> None:
        """`per_s` is for this worker."""
        self._per_s = per_s
        self._most = self._left = max(1.0, per_s)
        self._size = max(1.0, per_s / SHARES)
        self._at = 0.0
        self._shares: dict[str, Share] = {}  # in the order in which they were last taken from
        self._network: Callable[[str], str] = ip.prefix(V4_BITS, V6_BITS)

    @property
    def networks(self) -> int:
        """How many networks are remembered."""
        return len(self._shares)

    def take(self, address: str, now: float) -> int:
        """Take one for an address: GRANTED, OVER_SHARE or OVER_ALL."""
        self._refill(now)
        network = self._network(address)
        share = self._shares.get(network)
        left = self._size
        if share is not None:
            left = min(left, share.left + max(0.0, now - share.at) * self._per_s / SHARES)
        if left < 1.0 and self._left < self._most / 2:
            return OVER_SHARE
        if self._left < 1.0:
            return OVER_ALL
        self._left -= 1.0
        self._shares.pop(network, None)
        self._shares[network] = Share(max(0.0, left - 1.0), now)
        self._forget_full(now)
        return GRANTED

    def take_spare(self, now: float) -> bool:
        """Take one that nobody waits for: only while more than half is left."""
        self._refill(now)
        if self._left < max(1.0, self._most / 2):
            return False
        self._left -= 1.0
        return True

    def _refill(self, now: float) -> None:
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._per_s)
        self._at = max(self._at, now)

    def _forget_full(self, now: float) -> None:
        """Forget networks whose shares have filled up again: they are as those never seen."""
        full_s = self._size * SHARES / self._per_s
        while self._shares:
            first = next(iter(self._shares))
            if len(self._shares) <= MOST_NETWORKS and now - self._shares[first].at < full_s:
                return
            del self._shares[first]
