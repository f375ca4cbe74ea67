"""Adds exchanges to their series; the running part of `metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.errors import CLIENT_GONE, SERVER_ERROR

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.exchange import Exchange
    from sluicegate.metrics import Cell, Family, HistogramCell
    from sluicegate.policy import Onward

METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE")
)
MOST_SERIES: Final = 20_000
"""Combinations that are remembered here; past it the memory starts anew, and counts stay."""


class RouteSeries:
    """The numbers of one route."""

    __slots__ = ("bytes_in", "bytes_out", "incomplete", "seconds")

    def __init__(
        self, seconds: HistogramCell, bytes_in: Cell, bytes_out: Cell, incomplete: Cell
    ) -> None:
        """Keep the cells."""
        self.seconds = seconds
        self.bytes_in = bytes_in
        self.bytes_out = bytes_out
        self.incomplete = incomplete


class Tally:
    """Adds one exchange to its series when it is over."""

    __slots__ = ("_bytes_in", "_bytes_out", "_clock", "_in_flight", "_incomplete", "_requests",
                 "_requests_cells", "_routes", "_seconds")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        requests: Family,
        seconds: Family,
        bytes_in: Family,
        bytes_out: Family,
        incomplete: Family,
        in_flight: Cell,
    ) -> None:
        """Take families: `requests` by route, method and status, the others by route alone."""
        self._clock = clock
        self._requests = requests
        self._seconds = seconds
        self._bytes_in = bytes_in
        self._bytes_out = bytes_out
        self._incomplete = incomplete
        self._in_flight = in_flight
        self._requests_cells: dict[tuple[str, str, int], Cell] = {}
        self._routes: dict[str, RouteSeries] = {}

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
        route, response, body = exchange.route, exchange.response, request.body
        name = "-" if route is None else route.name
        status = CLIENT_GONE.status if response is None else response.status
        key = (name, request.method, status)
        cell = self._requests_cells.get(key)
        if cell is None:
            cell = self._remember(key)
        cell.value += 1
        series = self._routes.get(name)
        if series is None:
            series = self._route(name)
        series.seconds.observe(self._clock.monotonic() - exchange.started_at)
        received = exchange.bytes_in if body is None else body.received
        if received:
            series.bytes_in.value += received
        if exchange.bytes_out:
            series.bytes_out.value += exchange.bytes_out
        problem = exchange.problem
        if problem is not None and status < SERVER_ERROR <= problem.status:
            series.incomplete.value += 1

    def _remember(self, key: tuple[str, str, int]) -> Cell:
        if len(self._requests_cells) >= MOST_SERIES:
            self._requests_cells.clear()
        name, method, status = key
        cell = self._requests.cell(name, method if method in METHODS else "other", str(status))
        self._requests_cells[key] = cell
        return cell

    def _route(self, name: str) -> RouteSeries:
        if len(self._routes) >= MOST_SERIES:
            self._routes.clear()
        series = RouteSeries(
            self._seconds.histogram(name),
            self._bytes_in.cell(name),
            self._bytes_out.cell(name),
            self._incomplete.cell(name),
        )
        self._routes[name] = series
        return series
