"""One connection to a target, speaking HTTP/1.1 as a client.

An attempt borrows the connection, is told of the response as it is parsed, and gives the connection
back through the pool. The connection never looks at what an exchange is.

    IDLE ──start──> SENT ──head──> BODY ──end──> IDLE (kept) or closed
                     │              │
                     └── error ─────┴──> attempt.on_error, closed

It is an asyncio protocol by its methods, not by inheritance, so that it can be compiled.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import httptools

from sluicegate.errors import UpstreamError, UpstreamInvalid, UpstreamReset, UpstreamTimeout
from sluicegate.wire.http1.lines import last_chunk
from sluicegate.wire.http1.response_reader import (
    MAX_HEAD_BYTES,
    SWITCHING,
    Receiver,
    ResponseReader,
)

if TYPE_CHECKING:
    from sluicegate.headers import Headers
    from sluicegate.model.service import Timeouts
    from sluicegate.wire.deadlines import Deadlines
    from sluicegate.wire.http1.names import ResponseNames
    from sluicegate.wire.tunnel import Tunnel

NEVER: Final = float("inf")


class Owner(Protocol):
    """Who keeps the connection between attempts: a pool."""

    def release(self, connection: ClientConnection) -> None:
        """Take back a connection that can be used again."""

    def lost(self, connection: ClientConnection) -> None:
        """Take notice that the connection is gone."""


class ClientConnection(ResponseReader):
    """An asyncio protocol; `transport` is set once connected. One attempt at a time."""

    __slots__ = (
        "_chunked",
        "_first_byte_s",
        "_idle_s",
        "_limit_at",
        "_owner",
        "_paused",
        "_sent",
        "closed",
        "deadline",
        "deadlines",
        "loop",
        "served",
        "transport",
        "tunnel",
    )

    def __init__(
        self,
        owner: Owner,
        deadlines: Deadlines,
        names: ResponseNames,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Belong to `owner`; be watched by `deadlines`."""
        super().__init__(names)
        self.loop = loop  # kept, for until 3.12 asking asyncio for it is a system call
        self._owner = owner
        self.deadlines = deadlines
        self._first_byte_s = self._idle_s = self._limit_at = NEVER
        self._chunked = self._paused = self._sent = False
        self.closed = False
        self.served = 0
        self.deadline = NEVER
        self.transport: asyncio.Transport
        self.tunnel: Tunnel | None = None

    # --- asked by an attempt ----------

    def start(
        self,
        receiver: Receiver,
        head: bytes,
        timeouts: Timeouts,
        limit_at: float,
        *,
        head_only: bool,
        whole: bool,
        chunked: bool,
    ) -> None:
        """Send a request head. `whole`: no body follows, for there is none or it stands in `head`.

        `head_only`: the method is HEAD. `limit_at` ends the whole exchange, in the seconds of
        `deadlines`; `timeouts.total` is not looked at.
        """
        self._receiver = receiver
        self._first_byte_s = timeouts.first_byte or NEVER
        self._idle_s = timeouts.idle or NEVER
        self._limit_at = limit_at
        self.head_only = head_only
        self._chunked = chunked
        self._sent = whole
        self.any_bytes = False
        self.served += 1
        self._arm(self._first_byte_s if whole else self._idle_s)
        self.transport.write(head)

    def write_body(self, data: bytes) -> None:
        """Send a piece of the request body."""
        if self._chunked:
            self.transport.writelines([b"%x\r\n" % len(data), data, b"\r\n"])
        else:
            self.transport.write(data)
        self._arm(self._idle_s)

    def write_end(self, trailers: Headers | None) -> None:
        """Finish the request body."""
        if self._chunked:
            self.transport.write(last_chunk(trailers))
        self._sent = True
        if not self._in_body:
            self._arm(self._first_byte_s)

    def pause(self) -> None:
        """Stop reading the response; silence is then no time-out."""
        if not self.closed and not self._paused:
            self._paused = True
            self.deadline = self._limit_at
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read the response on."""
        if self._paused:
            self._paused = False
            self._arm(self._idle_s)
            if not self.closed:
                self.transport.resume_reading()

    def abandon(self) -> None:
        """Close without telling anyone: the attempt is not interested any more."""
        self._receiver = None
        self.close()

    def close(self) -> None:
        """Close at once; nothing is waiting to be sent that matters."""
        self.closed = True
        self.deadline = NEVER
        self.transport.abort()

    # --- asyncio ----------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport  # type: ignore[assignment]  # always a full transport
        self.deadlines.watch(self)

    def data_received(self, data: bytes) -> None:  # noqa: C901 - one branch per way out of llhttp
        """Parse; whatever is not a valid response to what was asked closes the connection."""
        if self.tunnel is not None:
            self.tunnel.from_target(data)
            return
        receiver = self._receiver  # a name of its own: callbacks of the parser change the attribute
        if receiver is None:
            self.close()
            return
        self.any_bytes = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switched(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__  # of a hook, it is the receiver's to raise
            self._fail(cause if isinstance(cause, Exception) else error)
        except httptools.HttpParserError as error:
            if not self.closed:
                self._fail(UpstreamInvalid(str(error)))
        else:
            if self._receiver is None:
                return
            if self._in_body:
                self._receiver.on_pause()
            else:
                self._head_bytes += len(data)
                if self._head_bytes > MAX_HEAD_BYTES:
                    self._fail(UpstreamInvalid("the response head is too large"))

    def eof_received(self) -> bool | None:
        """End a response that ends with the connection; pass EOF through a tunnel."""
        if self.tunnel is not None:
            self.tunnel.eof(self.tunnel.client)
            return True
        if self._receiver is not None and self._by_eof and self._in_body:
            self.complete(reusable=False)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever is waiting."""
        self.closed = True
        self.deadlines.forget(self)
        self._owner.lost(self)
        if self.tunnel is not None:
            self.tunnel.close()
        elif self._receiver is not None:
            self._fail(UpstreamReset("the target closed the connection" if exc is None else ""))

    def pause_writing(self) -> None:
        """Stop the request body."""
        if self.tunnel is not None:
            self.tunnel.client.pause_reading()
        elif self._receiver is not None:
            self._receiver.on_writable(False)

    def resume_writing(self) -> None:
        """Continue the request body."""
        if self.tunnel is not None:
            self.tunnel.client.resume_reading()
        elif self._receiver is not None:
            self._receiver.on_writable(True)

    def expired(self, now: float) -> None:
        """Close when unused for too long; fail an attempt that waits for the target."""
        if self._receiver is None:
            self.close()
        elif (
            not self._sent
            and not self._in_body
            and now < self._limit_at
            and not self.transport.get_write_buffer_size()
        ):
            self._arm(self._idle_s)  # the client is the slow one, and has its own deadline
        else:
            self._fail(UpstreamTimeout())

    # --- steps ----------

    def _switched(self, rest: bytes) -> None:
        """Hand over a 101; `rest` is what the target has sent in the new protocol."""
        receiver = self._receiver
        if receiver is None or not self._switching:
            self._fail(UpstreamInvalid("an upgrade that was not asked for"))
            return
        self.deadline = NEVER
        try:
            receiver.on_response(SWITCHING, self._headers, None)
        except UpstreamError as error:
            self._fail(error)
            return
        if self.tunnel is not None and rest:
            self.tunnel.from_target(rest)

    def _arm(self, seconds: float) -> None:
        at = self.deadlines.now + seconds
        limit = self._limit_at
        self.deadline = min(limit, at)

    def moved(self) -> None:
        """Put the deadline off: the target has sent something."""
        if not self._paused:
            self._arm(self._idle_s)

    def complete(self, *, reusable: bool) -> None:
        """Give the connection back, or close it, and tell the attempt."""
        receiver, self._receiver = self._receiver, None
        self.deadline = NEVER
        if self.head_only:
            # llhttp cannot be told that a response to HEAD has no body: begin with a new one.
            self._parser = httptools.HttpResponseParser(self)
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        if reusable and self._sent and not self.closed:
            self._owner.release(self)
        else:
            self.close()
        if receiver is not None:
            receiver.on_complete(self._trailers)

    def _fail(self, error: Exception) -> None:
        receiver, self._receiver = self._receiver, None
        self.close()
        if receiver is not None:
            receiver.on_error(error)
