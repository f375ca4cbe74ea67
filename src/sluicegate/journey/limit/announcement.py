"""What callers are told of their limits, in headers of every response.

`RateLimit-Policy` and `RateLimit` are those of draft-ietf-httpapi-ratelimit-headers-09, structured
fields (RFC 9651) that name each limit; the older `X-RateLimit-*` have room for one, which is the
one with the smallest part left of all limits on the way. `Sluicegate-Degraded` names the limits
that were not counted as they should be, because the state did not answer, and what held instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.headers import Headers
    from sluicegate.journey.limit.rule import Limits
    from sluicegate.state.contract import Outcome

SECOND_US: Final = 1_000_000
LIMIT: Final = b"x-ratelimit-limit"
REMAINING: Final = b"x-ratelimit-remaining"
RESET: Final = b"x-ratelimit-reset"
LEFT: Final = b"ratelimit"
DEGRADED: Final = b"sluicegate-degraded"
OURS: Final = frozenset({b"ratelimit-policy", LEFT, LIMIT, REMAINING, RESET})
MOST_WRITTEN: Final = 1025
WRITTEN: Final[list[bytes]] = [str(number).encode() for number in range(MOST_WRITTEN)]


class Announcement:
    """What one rule's limits said to one request, to be written on its response."""

    __slots__ = ("degraded", "following", "limits", "outcomes")

    def __init__(
        self,
        limits: Limits,
        outcomes: Sequence[Outcome],
        degraded: str,
        following: Announcement | None = None,
    ) -> None:
        """`outcomes` are those of `limits`, or none; `degraded` is the `away` that held, or "".

        `following` is written next.
        """
        self.limits = limits
        self.outcomes = outcomes
        self.degraded = degraded
        self.following = following

    def write(self, exchange: Exchange) -> None:
        """Add the headers (an `on_head` hook)."""
        response = exchange.response
        if response is None:
            return
        headers = response.headers
        before = tightest = response.tightest
        counted = False
        one: Announcement | None = self
        while one is not None:
            if one.degraded:
                names = [f'"{name}";away={one.degraded}' for name in one.limits.names]
                headers.append((DEGRADED, ", ".join(names).encode()))
            if one.outcomes:
                if before is None and not counted:
                    _drop_others(headers)
                counted = True
                tightest = one.write_left(headers, tightest)
            one = one.following
        if tightest is None or tightest is before:
            return
        response.tightest = tightest
        if before is not None:
            for name in (LIMIT, REMAINING, RESET):
                headers.remove(name)
        headers.append((LIMIT, digits(tightest.limit)))
        headers.append((REMAINING, digits(tightest.remaining)))
        headers.append((RESET, digits(seconds(tightest.reset_us))))

    def write_left(self, headers: Headers, tightest: Outcome | None) -> Outcome | None:
        """Add what is left of each limit; returns the tightest one so far."""
        labels = self.limits.labels
        pieces: list[bytes] = []
        for place, outcome in enumerate(self.outcomes):
            pieces.append(labels[place])
            pieces.append(digits(outcome.remaining))
            pieces.append(b";t=")
            pieces.append(digits(seconds(outcome.reset_us)))
            if tightest is None or tighter(outcome, tightest):
                tightest = outcome
        headers.append(self.limits.policy)
        headers.append((LEFT, b"".join(pieces)))
        return tightest


def tighter(one: Outcome, other: Outcome) -> bool:
    """Say whether a smaller part is left of `one`."""
    return one.remaining * other.limit < other.remaining * one.limit


def _drop_others(headers: Headers) -> None:
    """Drop what a target says of limits of its own: a client cannot tell them from ours."""
    for pair in headers:
        if pair[0] in OURS:
            for name in OURS:
                headers.remove(name)
            return


def digits(number: int) -> bytes:
    """Write a number; those that are seen most are there already."""
    return WRITTEN[number] if 0 <= number < MOST_WRITTEN else str(number).encode()


def seconds(time_us: int) -> int:
    """Round up: a caller who waits that long is not early."""
    return -(-time_us // SECOND_US)
