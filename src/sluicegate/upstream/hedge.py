"""When a second attempt is worth its load: past a percentile of times, for a share of requests.

Dean and Barroso, The Tail at Scale (CACM 56/2, 2013): a second request after the 95th percentile
costs about 5 % more requests and takes most of the tail away. Where everything becomes slow at once
that would be a second request for each, so there is a budget, earned by requests (as in gRPC's
retry throttling, gRFC A6) and never saved up far.

Pure. An `observe` costs 1 µs compiled, nearly all of it its part of sorting once in a while.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.model.resilience import Hedge

WINDOW: Final = 512
"""Last times that are looked at; enough for a 99.5th percentile, sorted in some 50 µs."""
ENOUGH: Final = 50
"""Times before there is a percentile: of fewer, the 95th is one or two of them."""
RENEWED_EVERY: Final = 64
"""Observations between two sorts."""
SAVED: Final = 10.0
"""Second attempts that can be saved up (gRFC A6's maxTokens in its example: 10)."""


class Hedging:
    """Recent times to first byte of one service, and the budget of second attempts."""

    __slots__ = (
        "_at",
        "_min_delay_s",
        "_percentile_s",
        "_renew_in",
        "_share",
        "_times",
        "_tokens",
        "_until",
    )

    def __init__(self, config: Hedge) -> None:
        """Begin without times and without a budget."""
        self._share = config.max_share / 100.0
        self._until = config.percentile / 100.0
        self._min_delay_s = float(config.min_delay)
        self._times: list[float] = []
        self._at = 0
        self._renew_in = ENOUGH
        self._percentile_s = -1.0
        self._tokens = 0.0

    def observe(self, ttfb_s: float) -> None:
        """Take the time to the first byte of a request, seconds.

        Where a second attempt answered, that is the time since the first one began: leaving those
        out would make the slow ones look rarer than they are.
        """
        times = self._times
        if len(times) < WINDOW:
            times.append(ttfb_s)
        else:
            times[self._at] = ttfb_s
            self._at = (self._at + 1) % WINDOW
        self._renew_in -= 1
        if self._renew_in <= 0:
            self._renew_in = RENEWED_EVERY
            # The nearest rank: at least this share of the times is no longer.
            self._percentile_s = sorted(times)[ceil(self._until * len(times)) - 1]

    def delay(self) -> float | None:
        """Return after how many seconds a second attempt may begin; None when none may.

        Called once for each request that could have one: it earns its share of the budget.
        """
        tokens = min(SAVED, self._tokens + self._share)
        self._tokens = tokens
        if self._percentile_s < 0.0 or tokens < 1.0:
            return None
        return max(self._min_delay_s, self._percentile_s)

    def spend(self) -> bool:
        """Begin a second attempt; False when other requests have used up the budget meanwhile."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
