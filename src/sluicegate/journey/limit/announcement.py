"""What callers are told of their limits, in headers of every response.

`RateLimit-Policy` and `RateLimit` are those of draft-ietf-httpapi-ratelimit-headers-09, structured
fields (RFC 9651) that name each limit; the older `X-RateLimit-*` have room for one, which is the
one with the smallest part left of all limits on the way. `Sluicegate-Degraded` names the limits
that were not counted as they should be, because the state did not answer, and what held instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.limit.rule import Limits
    from sluicegate.state.contract import Outcome

SECOND_US = 1_000_000
OLDER = (b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset")
POLICY = b"ratelimit-policy"
LEFT = b"ratelimit"
DEGRADED = b"sluicegate-degraded"


class Announcement:
    """What one rule's limits said to one request, to be written on its response."""

    __slots__ = ("_degraded", "_limits", "_outcomes")

    def __init__(self, limits: Limits, outcomes: Sequence[Outcome], degraded: str) -> None:
        """`outcomes` are those of `limits`, or none; `degraded` is the `away` that held, or ""."""
        self._limits = limits
        self._outcomes = outcomes
        self._degraded = degraded

    def write(self, exchange: Exchange) -> None:
        """Add the headers (an `on_head` hook)."""
        response = exchange.response
        if response is None:
            return
        headers = response.headers
        limits = self._limits
        if self._degraded:
            names = [f'"{name}";away={self._degraded}' for name in limits.names]
            headers.append((DEGRADED, ", ".join(names).encode()))
        outcomes = self._outcomes
        if not outcomes:
            return
        tightest = outcomes[0]
        left = ""
        for label, outcome in zip(limits.labels, outcomes, strict=True):
            if outcome.remaining < tightest.remaining:
                tightest = outcome
            comma = ", " if left else ""
            left += f"{comma}{label}{outcome.remaining};t={seconds(outcome.reset_us)}"
        said = headers.get(b"x-ratelimit-remaining")
        headers.append((POLICY, limits.policy))
        headers.append((LEFT, left.encode()))
        if said is not None:
            if said.isdigit() and int(said) <= tightest.remaining:
                return
            for name in OLDER:
                headers.remove(name)
        headers.append((b"x-ratelimit-limit", str(tightest.limit).encode()))
        headers.append((b"x-ratelimit-remaining", str(tightest.remaining).encode()))
        headers.append((b"x-ratelimit-reset", str(seconds(tightest.reset_us)).encode()))


def seconds(time_us: int) -> int:
    """Round up: a caller who waits that long is not early."""
    return -(-time_us // SECOND_US)
