"""`metrics`: counts and times of every exchange, whatever came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.errors import CLIENT_GONE
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.metrics import Cell, HistogramCell
    from sluicegate.policy import Onward, Parts

METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE")
)
MOST_SERIES = 20_000
"""Combinations that are remembered here; past it the memory starts anew, and counts stay."""


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Nothing to set: names and labels are the same everywhere."""


class _Series:
    """The numbers of one route."""

    __slots__ = ("bytes_in", "bytes_out", "seconds")

    def __init__(self, seconds: HistogramCell, bytes_in: Cell, bytes_out: Cell) -> None:
        self.seconds = seconds
        self.bytes_in = bytes_in
        self.bytes_out = bytes_out


class Policy:
    """Adds one exchange to its series when it is over."""

    __slots__ = (
        "_bytes_in",
        "_bytes_out",
        "_clock",
        "_in_flight",
        "_requests",
        "_requests_cells",
        "_routes",
        "_seconds",
    )

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - nothing to set
        """Declare the families."""
        family = parts.metrics.family
        self._clock = parts.clock
        self._requests = family(
            "sluicegate_requests_total",
            "counter",
            "Exchanges that are over, by route (`-`: none matched), method and status.",
            ("route", "method", "status"),
        )
        self._seconds = family(
            "sluicegate_request_duration_seconds",
            "histogram",
            "From the request's head to the end of its response.",
            ("route",),
        )
        self._bytes_in = family(
            "sluicegate_request_bytes_total", "counter", "Bytes of request bodies.", ("route",)
        )
        self._bytes_out = family(
            "sluicegate_response_bytes_total", "counter", "Bytes of response bodies.", ("route",)
        )
        self._in_flight = family(
            "sluicegate_requests_in_flight", "gauge", "Exchanges that have begun and not ended."
        ).cell()
        self._requests_cells: dict[tuple[str, str, int], Cell] = {}
        self._routes: dict[str, _Series] = {}

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Count on the way out, cancelled exchanges included."""
        self._in_flight.value += 1
        try:
            await onward(exchange)
        finally:
            self._in_flight.value -= 1
            self._count(exchange)

    def _count(self, exchange: Exchange) -> None:
        request = exchange.request
        response = exchange.response
        name = "-" if exchange.route is None else exchange.route.name
        status = CLIENT_GONE.status if response is None else response.status
        key = (name, request.method, status)
        cell = self._requests_cells.get(key) or self._remember(key)
        cell.value += 1
        series = self._routes.get(name) or self._route(name)
        series.seconds.observe(self._clock.monotonic() - exchange.started_at)
        body = request.body
        series.bytes_in.value += exchange.bytes_in if body is None else body.received
        series.bytes_out.value += exchange.bytes_out

    def _remember(self, key: tuple[str, str, int]) -> Cell:
        if len(self._requests_cells) >= MOST_SERIES:
            self._requests_cells.clear()
        name, method, status = key
        cell = self._requests.cell(name, method if method in METHODS else "other", str(status))
        self._requests_cells[key] = cell
        return cell

    def _route(self, name: str) -> _Series:
        if len(self._routes) >= MOST_SERIES:
            self._routes.clear()
        series = _Series(
            self._seconds.histogram(name), self._bytes_in.cell(name), self._bytes_out.cell(name)
        )
        self._routes[name] = series
        return series
