"""Two connections joined after `101 Switching Protocols`: bytes both ways, back-pressure both ways.

Neither side's bytes are looked at. EOF of one side is passed on; the tunnel ends when either
connection is gone or nothing has moved for the idle time-out.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.wire.deadlines import Deadlines


class Tunnel:
    """Joins the transport of a client with that of a target. `done` is set when it has ended."""

    __slots__ = (
        "_deadlines",
        "_half_closed",
        "_idle_s",
        "client",
        "deadline",
        "done",
        "exchange",
        "target",
    )

    def __init__(
        self,
        exchange: Exchange,
        client: asyncio.Transport,
        target: asyncio.Transport,
        deadlines: Deadlines,
        idle_s: float,
    ) -> None:
        """Start joined. `idle_s` is in seconds, 0 for no bound."""
        self.exchange = exchange
        self.client = client
        self.target = target
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._deadlines = deadlines
        self._half_closed = False
        self._idle_s = idle_s or float("inf")
        self.deadline = deadlines.now + self._idle_s
        deadlines.watch(self)

    def from_client(self, data: bytes) -> None:
        """Pass bytes on to the target."""
        self.deadline = self._deadlines.now + self._idle_s
        self.exchange.bytes_in += len(data)
        self.target.write(data)

    def from_target(self, data: bytes) -> None:
        """Pass bytes on to the client."""
        self.deadline = self._deadlines.now + self._idle_s
        self.exchange.bytes_out += len(data)
        self.client.write(data)

    def eof(self, other: asyncio.Transport) -> None:
        """Tell `other` that no more bytes will come; end when both have said so."""
        if not self._half_closed and other.can_write_eof() and not other.is_closing():
            self._half_closed = True
            other.write_eof()
        else:
            self.close()

    def expired(self, now: float) -> None:  # noqa: ARG002 - what every watched object takes
        """End because nothing has moved."""
        self.exchange.outcome = "tunnel_idle"
        self.close()

    def close(self) -> None:
        """End both connections; what is written already is still sent."""
        self._deadlines.forget(self)
        self.client.close()
        self.target.close()
        if not self.done.done():
            self.done.set_result(None)
