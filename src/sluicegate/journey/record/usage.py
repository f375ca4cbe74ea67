"""`usage`: what requests that are no calls of models come to, by the minute, in the ledger.

Calls of models have a line each, whether this policy is there or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.errors import CLIENT_GONE
from sluicegate.model.ledger import Entry
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.clock import Timer
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

MINUTE_US: Final = 60_000_000
TOLD_S: Final = 1.0
"""A worker that is killed loses no more than this long of totals."""
MOST_TOTALS: Final = 5000
"""Different ones at a time; more are told earlier."""

Kind = tuple[int, str | None, str | None, str | None, str | None, int]


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Nothing to set: totals are by consumer, team, plan, route and status."""


class Total:
    """What requests of one kind have come to."""

    __slots__ = ("bytes_in", "bytes_out", "duration_us", "requests")

    def __init__(self) -> None:
        """Begin with none."""
        self.requests = self.bytes_in = self.bytes_out = self.duration_us = 0


class Policy:
    """Adds up, and tells each second."""

    __slots__ = ("__weakref__", "_books", "_clock", "_timer", "_totals")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - nothing to set
        """Begin with nothing."""
        self._books = parts.books
        self._clock = parts.clock
        self._totals: dict[Kind, Total] = {}
        self._timer: Timer | None = None
        self._books.at_end(self)

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Count on the way out, cancelled exchanges included."""
        try:
            await onward(exchange)
        finally:
            if exchange.call is None:
                self._count(exchange)

    def _count(self, exchange: Exchange) -> None:
        consumer, route = exchange.consumer, exchange.route
        response, body = exchange.response, exchange.request.body
        kind = (
            self._clock.wall_us() // MINUTE_US,
            exchange.consumer_name,
            None if consumer is None else consumer.team,
            exchange.plan,
            None if route is None else route.name,
            CLIENT_GONE.status if response is None else response.status,
        )
        total = self._totals.get(kind)
        if total is None:
            if len(self._totals) >= MOST_TOTALS:
                self.tell()
            total = self._totals[kind] = Total()
        total.requests += 1
        total.bytes_in += exchange.bytes_in if body is None else body.received
        total.bytes_out += exchange.bytes_out
        total.duration_us += round((self._clock.monotonic() - exchange.started_at) * 1e6)
        if self._timer is None:
            self._timer = self._clock.after(TOLD_S, self.tell)

    def tell(self) -> None:
        """Note what there is (a `Teller`)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        totals, self._totals = self._totals, {}
        for (minute, consumer, team, plan, route, status), total in totals.items():
            self._books.note(
                Entry(
                    id="",
                    at_us=minute * MINUTE_US,
                    requests=total.requests,
                    consumer=consumer,
                    team=team,
                    plan=plan,
                    route=route,
                    status=status,
                    duration_us=total.duration_us,
                    bytes_in=total.bytes_in,
                    bytes_out=total.bytes_out,
                )
            )
