"""One connection of a client, speaking HTTP/1.1 as a server.

Requests of a connection are handled one after the other; what a client pipelines waits, parsed,
while the socket is not read. In words of state:

    IDLE ──first byte──> HEAD ──head──> EXCHANGE ──end──> IDLE, or LINGER, or closed
                          │               │  └─ 101 ──> TUNNEL
                          └─ refused ─────┘

LINGER (RFC 9112, section 9.6): our side is shut, what still arrives is dropped for a moment, so
that the kernel does not reset the connection before the client has read the answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httptools

from sluicegate.errors import (
    CLIENT_TIMEOUT,
    UNAVAILABLE,
    UPSTREAM_TIMEOUT,
    Refused,
)
from sluicegate.exchange import Exchange
from sluicegate.wire.http1.lines import CONTINUE
from sluicegate.wire.http1.patience import Patience, peer_closed
from sluicegate.wire.http1.reader import RequestReader
from sluicegate.wire.http1.response import DRAIN_BYTES

if TYPE_CHECKING:
    from sluicegate.exchange import Request
    from sluicegate.wire.http1.context import ServerContext
    from sluicegate.wire.tunnel import Tunnel

NEVER: Final = float("inf")
CHECK_S: Final = 1.0
"""How often a connection with an exchange in flight is looked at: EOF, rates, time-outs."""
LINGER_S: Final = 2.0
"""How long to drop bytes after our side is shut. nginx lingering_timeout: 5 s."""
QUEUE_LIMIT: Final = 256
"""Parsed requests that may wait on one connection; reached only within a single read."""

_PAUSED_BODY, _PAUSED_QUEUE, _PAUSED_UPGRADE = 1, 2, 4


class ServerConnection(RequestReader):
    """An asyncio protocol by its methods; sink of its exchanges and source of their bodies."""

    __slots__ = (
        "_drain_left",
        "_lingering",
        "_patience",
        "_paused",
        "_tail",
        "_unreadable",
        "closed",
        "deadline",
        "tunnel",
    )

    def __init__(self, context: ServerContext) -> None:
        """Start before anything was received."""
        super().__init__(context)
        self._tail: bytes | None = None
        self._lingering = self._unreadable = False
        self._patience: Patience | None = None
        self._paused = 0
        self._drain_left = DRAIN_BYTES
        self.closed = False
        self.deadline = NEVER
        self.tunnel: Tunnel | None = None

    @property
    def idle(self) -> bool:
        """Whether the connection waits for its next request."""
        return self._exchange is None and not self._in_head and not self._lingering

    # --- asyncio ----------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place among the worker's connections, or say that there is none."""
        self.transport = transport  # type: ignore[assignment]  # always a full transport
        context = self._context
        self._client = client = context.describe(self.transport)
        self._forwarding = context.forwarding(client)
        context.deadlines.watch(self)
        context.opened(self)
        self.deadline = context.deadlines.now + context.http.header_timeout
        if context.crowded():
            self._in_head = True
            self.refuse(Refused(UNAVAILABLE, "too many connections"))

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self.tunnel is not None:
            self.tunnel.from_client(data)
        elif self._tail is not None:
            self._tail += data
        elif not self._lingering and not self._unreadable:
            self.parse(data)
        elif self._lingering:
            self._drain_left -= len(data)
            if self._drain_left < 0:
                self.transport.abort()

    def eof_received(self) -> bool | None:
        """Take EOF for going away, unless the listener lets clients half-close."""
        if self.tunnel is not None:
            self.tunnel.eof(self.tunnel.target)
            return True
        exchange = self._exchange
        if exchange is None:
            return None
        body = exchange.request.body
        if (body is None or body.ended) and self._context.half_close and not self._queue:
            self._close_after = True
            return True
        self._gone()
        return None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Cancel what is in flight."""
        self.closed = True
        self._context.deadlines.forget(self)
        self._context.lost(self)
        if self.tunnel is not None:
            self.tunnel.close()
        self._gone()

    def pause_writing(self) -> None:
        """Let the source of the response wait for the client."""
        self._write_paused = True
        if self.tunnel is not None:
            self.tunnel.target.pause_reading()
        elif self._exchange is not None and self._exchange.flow is not None:
            self._exchange.flow.pause()

    def resume_writing(self) -> None:
        """Let the source of the response go on."""
        self._write_paused = False
        if self.tunnel is not None:
            self.tunnel.target.resume_reading()
        elif self._exchange is not None and self._exchange.flow is not None:
            self._exchange.flow.resume()

    # --- the rest of the sink: what comes after an answer ----------

    def join(self, tunnel: Tunnel) -> None:
        """Hand the connection over, with what the client sent after its upgrade request."""
        self.tunnel = tunnel
        self.deadline = NEVER
        tail, self._tail = self._tail, None
        if tail:
            tunnel.from_client(tail)
        self._resume(_PAUSED_UPGRADE | _PAUSED_BODY | _PAUSED_QUEUE)

    def finished(self, exchange: Exchange) -> None:
        """Go on after an exchange: the next request, or rest, or close."""
        self._exchange = None
        self._context.in_flight -= 1
        if self.closed or self.transport.is_closing() or exchange.upgraded:
            return
        body = exchange.request.body
        if not self._keep_alive or self._close_after:
            unread = exchange.refused is not None or (body is not None and not body.ended)
            self._linger() if unread else self._close()
        elif body is not None and not body.ended:
            body.detach()
            self._drain_left = DRAIN_BYTES
            self._resume(_PAUSED_BODY)
            self.deadline = self._context.deadlines.now + LINGER_S
        elif self._queue:
            self._start(self._queue.popleft())
        else:
            self._rest()

    # --- the source of the body ----------

    def pause_body(self) -> None:
        """Stop reading: whoever takes the body is slower than the client."""
        self._pause(_PAUSED_BODY)

    def resume_body(self) -> None:
        """Read on."""
        self._resume(_PAUSED_BODY)

    def send_continue(self) -> None:
        """Ask for the body (RFC 9110, section 10.1.1)."""
        if not self.closed:
            self.transport.write(CONTINUE)

    # --- deadlines ----------

    def expired(self, now: float) -> None:
        """Act on whichever deadline has passed; called by the worker's tick."""
        self.deadline = now + CHECK_S
        if self._exchange is not None:
            self._check(self._exchange, now)
        elif self._in_head and not self._lingering:
            self.refuse(Refused(CLIENT_TIMEOUT, "the request head did not arrive in time"))
        elif self._lingering or self._requests == 0 or self._body is not None:
            self.transport.abort()
        else:
            self._close()

    def drain(self) -> None:
        """Finish what is in flight, say so in its head, and close."""
        if self.idle:
            self._close()

    def _check(self, exchange: Exchange, now: float) -> None:
        """Look after an exchange in flight once a second."""
        if self.tunnel is not None:
            return
        if self._paused and peer_closed(self.transport):
            self._gone()
            self.transport.abort()
            return
        total_s = self._context.http.total_timeout
        if total_s and now - exchange.started_at > total_s:
            self._interrupt(exchange, Refused(UPSTREAM_TIMEOUT, "the exchange took too long"))
            return
        if self._patience is None:
            self._patience = Patience(self._context.http)
        body = exchange.request.body
        if body is not None and not body.ended and not self._paused and body.error is None:
            error = self._patience.with_sender(body, now)
            if error is not None:
                body.fail(error)
        if self._write_paused and self._patience.with_reader(
            self.transport.get_write_buffer_size(), now
        ):
            exchange.outcome = "client_slow"
            self.transport.abort()

    # --- what the reader found ----------

    def begun(self) -> None:
        """Take notice of the first byte of a head."""
        if self._exchange is None:
            context = self._context
            context.idle.pop(self, None)
            self.deadline = context.deadlines.now + context.http.header_timeout

    def accept(self, request: Request, *, keep_alive: bool, refused: Refused | None) -> None:
        """Start an exchange, or let it wait for the one before."""
        if self._lingering:
            return  # our side was shut in the middle of this very segment
        context = self._context
        exchange = Exchange(request, self._client, self, context.snapshot, context.clock)
        if not keep_alive:
            exchange.keep_alive = False
        if refused is not None:
            exchange.refused = refused
        if self._exchange is None and not self._queue:
            self._start(exchange)
        else:
            self._queue.append(exchange)
            self._pause(_PAUSED_QUEUE)
            if len(self._queue) > QUEUE_LIMIT:
                raise Refused(UNAVAILABLE, "too many requests wait on this connection")

    def upgraded(self, rest: bytes) -> None:
        """Keep bytes after an upgrade request until its answer decides what they are."""
        if self._body is not None:
            self._reframe(rest)
        elif self._exchange is None:
            # Answered at once: the bytes are the next request.
            self._parser = httptools.HttpRequestParser(self)
            if rest and not self._lingering and not self._unreadable:
                self.parse(rest)
        else:
            self._tail = rest
            self._pause(_PAUSED_UPGRADE)

    def refuse(self, error: Refused) -> None:
        """Answer what cannot be read, after what is in flight, and close."""
        if self._body is not None:
            self._body.fail(error)
            if self._exchange is None and not self._queue and not self._in_head:
                self._close()  # the answer has been given, this was the rest of its request
                return
            if self._exchange is not None and self._exchange.request.body is self._body:
                self._close_after = self._unreadable = True
                return
        self._unreadable = True
        self._in_head = False
        client = self._client
        request = self._head.refused_request("-", client, self._context.ids)
        context = self._context
        exchange = Exchange(request, client, self, context.snapshot, context.clock)
        exchange.refused = error
        exchange.keep_alive = False
        self._context.idle.pop(self, None)
        if self._exchange is None and not self._queue:
            self._start(exchange)
        else:
            self._queue.append(exchange)

    def drop(self, data: bytes) -> None:
        """Drop a piece of a body that nobody reads any more; not for ever."""
        self._drain_left -= len(data)
        if self._drain_left < 0:
            self._linger()

    def over(self) -> None:
        """Take notice that such a body has ended."""
        if not self._lingering:
            self._rest()

    # --- steps ----------

    def _start(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._patience = None
        self.deadline = self._context.deadlines.now + CHECK_S
        if not self._queue and self._paused & _PAUSED_QUEUE:
            self._resume(_PAUSED_QUEUE)
        self._context.start(exchange)

    def _rest(self) -> None:
        """Wait for the next request."""
        context = self._context
        if context.draining:
            self._close()
            return
        if self._in_head:  # a pipelined head came in part; its time runs from now
            self.deadline = context.deadlines.now + context.http.header_timeout
        else:
            self.deadline = context.deadlines.now + context.http.keepalive_timeout
            context.idle[self] = None
        self._resume(_PAUSED_BODY | _PAUSED_QUEUE)
        tail, self._tail = self._tail, None
        if tail is not None:
            self._parser = httptools.HttpRequestParser(self)
            self._resume(_PAUSED_UPGRADE)
            if tail:
                self.parse(tail)

    def _interrupt(self, exchange: Exchange, error: Refused) -> None:
        """End an exchange from outside its task, with an answer if there is still time for one."""
        if exchange.task is not None and exchange.refused is None:
            exchange.refused = error
            exchange.task.cancel()

    def _gone(self) -> None:
        """Cancel what is in flight: nobody waits for it."""
        self._queue.clear()
        exchange = self._exchange
        if exchange is None or exchange.upgraded or exchange.ended:
            return
        if exchange.task is not None:
            if exchange.outcome is None:
                exchange.outcome = "client_gone"
            # Not at once: a task that is cancelled before its first step would never take its end.
            asyncio.get_running_loop().call_soon(exchange.task.cancel)

    def _linger(self) -> None:
        self._lingering = True
        self._drain_left = DRAIN_BYTES
        self.deadline = self._context.deadlines.now + LINGER_S
        if self.transport.can_write_eof():
            self._resume(_PAUSED_BODY | _PAUSED_QUEUE | _PAUSED_UPGRADE)
            self.transport.write_eof()
        else:
            self._close()

    def _close(self) -> None:
        self.deadline = self._context.deadlines.now + LINGER_S
        self._lingering = True
        self.transport.close()

    def _pause(self, why: int) -> None:
        if not self._paused and not self.closed and not self.transport.is_closing():
            self.transport.pause_reading()
        self._paused |= why

    def _resume(self, why: int) -> None:
        if self._paused:
            self._paused &= ~why
            if not self._paused and not self.closed and not self.transport.is_closing():
                self.transport.resume_reading()
