"""What callers are told of their limits, in headers of every response.

The fields of draft-ietf-httpapi-ratelimit-headers name each limit; the older `X-RateLimit-*` have
room for one, which is the tightest of all limits on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.state.contract import Outcome

SECOND_US = 1_000_000
OLDER = (b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset")


class Wording:
    """What is the same in every announcement of the same limits."""

    __slots__ = ("labels", "policy")

    def __init__(self, policy: str, names: Sequence[str]) -> None:
        """`policy` is the value of RateLimit-Policy, `names` are those of the limits in it."""
        self.policy = (b"ratelimit-policy", policy.encode())
        self.labels = [f', "{name}";r=' if at else f'"{name}";r=' for at, name in enumerate(names)]


class Announcement:
    """What the limits said to one request, to be written on its response."""

    __slots__ = ("_outcomes", "_wording")

    def __init__(self, wording: Wording, outcomes: list[Outcome]) -> None:
        """`outcomes` are in the order of the names of `wording`."""
        self._wording = wording
        self._outcomes = outcomes

    def write(self, exchange: Exchange) -> None:
        """Add the headers (an `on_head` hook)."""
        response = exchange.response
        if response is None:
            return
        headers = response.headers
        said = headers.get(b"x-ratelimit-remaining")
        outcomes = self._outcomes
        tightest = outcomes[0]
        left = ""
        for label, outcome in zip(self._wording.labels, outcomes, strict=True):
            if outcome.remaining < tightest.remaining:
                tightest = outcome
            left += f"{label}{outcome.remaining};t={seconds(outcome.reset_us)}"
        headers.append(self._wording.policy)
        headers.append((b"ratelimit", left.encode()))
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
