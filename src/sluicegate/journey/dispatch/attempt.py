"""One try of an exchange at a target: joins the client's bytes with a target's, both ways.

An attempt writes nothing to the exchange before its response head is there. It keeps up to 64 KiB
of the request body, so that a request whose connection turns out to be stale can be sent again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sluicegate.errors import Refused, SluicegateError, UpstreamError, UpstreamInvalid
from sluicegate.exchange import Response
from sluicegate.wire.http1.lines import fields
from sluicegate.wire.tunnel import Tunnel

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.headers import Headers
    from sluicegate.model.service import Timeouts
    from sluicegate.upstream.service import Target
    from sluicegate.wire.http1.client import ClientConnection

CHUNKED = b"transfer-encoding: chunked\r\n"
KEEP_BYTES = 65536
"""How much of a request body is kept to be sent again."""

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
"""RFC 9110, section 9.2.2."""


class Attempt:
    """Receiver of a response, consumer of a request body, and flow of the response."""

    __slots__ = ("_connection", "_done", "_exchange", "_idle_s", "_kept", "_room", "_target")

    def __init__(self, exchange: Exchange, target: Target) -> None:
        """Prepare to send `exchange`'s request to `target`."""
        self._exchange = exchange
        self._target = target
        self._connection: ClientConnection
        self._done: asyncio.Future[None]
        self._idle_s = 0.0
        self._kept: list[bytes] = []
        self._room = KEEP_BYTES

    async def run(self, timeouts: Timeouts) -> None:
        """Send the request and pass the response on; return when that is done.

        A kept connection may turn out to be stale; then once more, on a new one, if that cannot do
        harm. Raises UpstreamError, or Refused when the client's own body failed.
        """
        pool = self._target.pool
        connection = pool.take() or await pool.connect(timeouts.connect)
        body = self._exchange.request.body
        self._idle_s = timeouts.idle
        try:
            try:
                await self._send(connection, timeouts)
            except UpstreamError:
                if connection.served == 1 or not self._can_repeat:
                    raise
                if body is not None:
                    body.put_back(self._kept)
                connection = await pool.connect(timeouts.connect)
                await self._send(connection, timeouts)
        except BaseException:
            connection.abandon()
            raise
        finally:
            if body is not None and not body.ended:
                body.detach()

    def _send(self, connection: ClientConnection, timeouts: Timeouts) -> asyncio.Future[None]:
        """Send the request; the future is done when the response has been passed on."""
        request = self._exchange.request
        body = request.body
        self._connection = connection
        self._done = connection.loop.create_future()
        connection.start(
            self,
            self._head(),
            timeouts,
            head_only=request.method == "HEAD",
            whole=body is None,
            chunked=body is not None and body.length is None,
        )
        if body is not None:
            body.attach(self)
        return self._done

    @property
    def _can_repeat(self) -> bool:
        """Whether the request can be sent again after its connection was found stale."""
        exchange = self._exchange
        return (
            exchange.response is None
            and not self._connection.any_bytes
            and exchange.request.method in IDEMPOTENT
            and self._room >= 0
        )

    def _head(self) -> bytes:
        request, target = self._exchange.request, self._target
        body = request.body
        host = target.host_header or request.authority or target.label.encode("ascii")
        parts = [request.method.encode("ascii"), b" ", request.path.encode("ascii")]
        if request.query is not None:
            parts += (b"?", request.query)
        parts += (b" HTTP/1.1\r\nhost: ", host, b"\r\n", fields(request.headers))
        if body is not None:
            length = body.length
            parts.append(CHUNKED if length is None else b"content-length: %d\r\n" % length)
        elif request.method in ("POST", "PUT", "PATCH"):
            parts.append(b"content-length: 0\r\n")
        if request.upgrade is not None:
            token = request.upgrade.encode("latin-1")
            parts.append(b"connection: upgrade\r\nupgrade: %b\r\n" % token)
        parts.append(b"via: 1.1 sluicegate\r\n\r\n")
        return b"".join(parts)

    # --- the request body ----------

    def body_data(self, data: bytes) -> None:
        """Send a piece on."""
        if self._room >= 0:
            self._room -= len(data)
            if self._room >= 0:
                self._kept.append(data)
            else:
                self._kept.clear()
        self._connection.write_body(data)

    def body_end(self, trailers: Headers | None) -> None:
        """Finish the request."""
        self._connection.write_end(trailers)

    def body_failed(self, error: Refused) -> None:
        """Give up: the target must not take half a request for a whole one."""
        self._settle(error)

    def on_writable(self, writable: bool) -> None:  # noqa: FBT001 - a state, not an option
        """Let the client wait while the target reads too slowly."""
        body = self._exchange.request.body
        if body is not None and not body.ended:
            if writable:
                body.source.resume_body()
            else:
                body.source.pause_body()

    # --- the response ----------

    def on_informational(self, status: int, headers: Headers) -> None:
        """Pass 103 and its like on; 100 has been answered by ourselves."""
        if status != 100 and self._exchange.request.version == "1.1":  # noqa: PLR2004 - Continue
            self._exchange.sink.send_informational(status, headers)

    def on_response(self, status: int, headers: Headers, length: int | None) -> None:
        """Pass the head on."""
        exchange = self._exchange
        if status == 101:  # noqa: PLR2004 - Switching Protocols
            self._join(headers)
            return
        exchange.first_byte_at = exchange.clock.monotonic()
        connection = self._connection
        exchange.head(Response(status, headers, length, dated=connection.dated), connection)

    def on_data(self, data: bytes) -> None:
        """Pass a piece of the body on."""
        self._exchange.chunk(data)

    def on_pause(self) -> None:
        """Send on what has come: the rest may take its time."""
        self._exchange.sink.flush()

    def on_complete(self, trailers: Headers | None) -> None:
        """Pass the end on."""
        exchange = self._exchange
        exchange.flow = None  # the connection may serve another exchange already: not ours to pause
        try:
            exchange.end(trailers)
        except SluicegateError as error:
            self._settle(error)
        else:
            self._settle(None)

    def on_error(self, error: UpstreamError) -> None:
        """Fail."""
        self._settle(error)

    def _join(self, headers: Headers) -> None:
        exchange, connection = self._exchange, self._connection
        if exchange.request.upgrade is None:
            raise UpstreamInvalid("an upgrade that was not asked for")
        exchange.response = Response(101, headers, None)
        sink = exchange.sink
        sink.send_upgrade(exchange, headers)
        tunnel = Tunnel(
            exchange, sink.transport, connection.transport, connection.deadlines, self._idle_s
        )
        connection.tunnel = tunnel
        sink.join(tunnel)
        tunnel.done.add_done_callback(lambda _: self._settle(None))

    def _settle(self, error: SluicegateError | None) -> None:
        if not self._done.done():
            if error is None:
                self._done.set_result(None)
            else:
                self._done.set_exception(error)
