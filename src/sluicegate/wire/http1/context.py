"""What the connections of one listener share: bounds, names, the clock, and where exchanges go."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from sluicegate.wire.forwarded import Forwarding, TrustedProxies
from sluicegate.wire.http1.head import IdSource
from sluicegate.wire.http1.lines import StatusLines
from sluicegate.wire.http1.names import RequestNames

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from sluicegate.clock import Clock
    from sluicegate.exchange import Client, Exchange
    from sluicegate.metrics import Metrics
    from sluicegate.settings import Http
    from sluicegate.snapshot.table import Snapshot
    from sluicegate.wire.deadlines import Deadlines
    from sluicegate.wire.http1.server import ServerConnection

VIA: Final = b"via: 1.1 sluicegate\r\nx-request-id: "


@mypyc_attr(native_class=False)
class Methods(dict[bytes, str]):
    """Method as received to its name; llhttp knows all that can occur."""

    def __missing__(self, method: bytes) -> str:
        """Decode once."""
        self[method] = name = method.decode("ascii")
        return name


class ServerContext:
    """Shared by the connections of one port of one worker."""

    def __init__(
        self,
        http: Http,
        clock: Clock,
        deadlines: Deadlines,
        metrics: Metrics,
        journey: Callable[[Exchange], Coroutine[None, None, None]],
        loop: asyncio.AbstractEventLoop,
        trusted: TrustedProxies,
        *,
        half_close: bool = False,
    ) -> None:
        """`journey` takes an exchange and returns once its record is done."""
        self.http = http
        self.clock = clock
        self.deadlines = deadlines
        self.journey = journey
        self.half_close = half_close
        self.slashes = False  # whether encoded ones are kept in paths (wire/target.py)
        self.trusted = trusted
        self.draining = False
        self.snapshot: Snapshot
        self.describe: Callable[[asyncio.Transport], Client]
        self.names = RequestNames()
        self.methods = Methods()
        self.status_lines = StatusLines()
        self.ids = IdSource()
        self.connections: set[ServerConnection] = set()
        self.idle: dict[ServerConnection, None] = {}
        self.in_flight = 0
        self._create_task = loop.create_task
        self._dated_at = -1.0
        self._date = b""
        family = metrics.family(
            "sluicegate_client_connections", "gauge", "Open connections of clients."
        )
        self._open = family.cell()
        self._shed = metrics.family(
            "sluicegate_client_connections_shed_total",
            "counter",
            "Connections closed because the worker had `gateway.http.max_connections` of them.",
        ).cell()

    def opened(self, connection: ServerConnection) -> None:
        """Count a connection in."""
        self.connections.add(connection)
        self._open.value += 1

    def lost(self, connection: ServerConnection) -> None:
        """Count a connection out."""
        self.connections.discard(connection)
        self.idle.pop(connection, None)
        self._open.value -= 1

    def crowded(self) -> bool:
        """Whether there is no place for the newest connection, even after closing an idle one."""
        if len(self.connections) <= self.http.max_connections:
            return False
        self._shed.value += 1
        if not self.idle:
            return True
        oldest = next(iter(self.idle))
        del self.idle[oldest]
        oldest.drain()
        return False

    def start(self, exchange: Exchange) -> None:
        """Send an exchange on its journey, as a task of its own."""
        self.in_flight += 1
        exchange.task = self._create_task(self.journey(exchange))

    def forwarding(self, client: Client) -> Forwarding:
        """Prepare what targets are told about a client."""
        return Forwarding(client, self.trusted)

    def tail_lines(self, request_id: str, dated: bool) -> bytes:  # noqa: FBT001 - hot path
        """Return the last lines of every response head, its blank line included."""
        if dated:
            return VIA + request_id.encode("ascii") + b"\r\n\r\n"
        now = self.deadlines.now
        if now != self._dated_at:
            self._dated_at = now
            date = formatdate(self.clock.wall_us() / 1e6, usegmt=True)
            self._date = b"\r\ndate: " + date.encode("ascii") + b"\r\n\r\n"
        return VIA + request_id.encode("ascii") + self._date
