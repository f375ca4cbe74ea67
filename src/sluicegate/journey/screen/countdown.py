"""Takes the time that a caller has left out of its request; the running part of `deadline`."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from math import inf
from typing import TYPE_CHECKING, Final

from sluicegate.errors import BAD_HEADER, DEADLINE_PASSED, Refused

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward

MILLISECONDS: Final = re.compile(rb"[0-9]{1,10}")
"""At most 115 days. gRPC's `grpc-timeout` has 8 digits."""


class Countdown:
    """Sets the deadlines of exchanges."""

    __slots__ = ("_default_s", "_detail", "_header", "_max_s")

    def __init__(self, header: str, default_s: float, max_s: float) -> None:
        """Bounds are in seconds, `math.inf` for none."""
        self._header = header.lower().encode()
        self._default_s = default_s
        self._max_s = max_s
        self._detail = (
            f"`{header}`: expected one number, the milliseconds that are left, of at most 10 digits"
        )

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Take the header out, so that it never goes on as it came. Several policies: the least.

        Raises Refused: BAD_HEADER, or DEADLINE_PASSED for a caller that does not wait any more.
        """
        given: bytes | None = None
        wanted = self._header
        for name, value in exchange.request.headers:
            if name == wanted:
                if given is not None:
                    raise Refused(BAD_HEADER, self._detail)
                given = value
        left_s = self._default_s if given is None else self._take(exchange, given)
        until = min(exchange.deadline, exchange.started_at + left_s)
        if until < inf:
            exchange.deadline = min(until, exchange.started_at + self._max_s)
            exchange.deadline_header = wanted
        return onward(exchange)

    def _take(self, exchange: Exchange, given: bytes) -> float:
        """Return the seconds that a caller still waits, as far as it may."""
        if not MILLISECONDS.fullmatch(given.strip(b" \t")):
            raise Refused(BAD_HEADER, self._detail)
        exchange.request.headers.remove(self._header)
        left_s = int(given) / 1000
        if exchange.started_at + left_s <= exchange.clock.monotonic():
            raise Refused(DEADLINE_PASSED)
        return left_s
