"""One connection to a target, speaking HTTP/1.1 as a client.

An attempt borrows the connection, is told of the response as it is parsed, and gives the connection
back through the pool. The connection never looks at what an exchange is.

    IDLE ──start──> SENT ──head──> BODY ──end──> IDLE (kept) or closed
                     │              │
                     └── error ─────┴──> attempt.on_error, closed

Framing follows RFC 9112, section 6.3, strictly: one Content-Length or exactly `chunked`; a response
with neither ends with the connection, and only a clean EOF ends it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import httptools

from sluicegate.errors import UpstreamError, UpstreamInvalid, UpstreamReset, UpstreamTimeout
from sluicegate.headers import Headers
from sluicegate.wire.http1.lines import BODILESS, last_chunk
from sluicegate.wire.http1.names import FORBIDDEN_TRAILERS, ResponseField, ResponseNames

if TYPE_CHECKING:
    from sluicegate.model.service import Timeouts
    from sluicegate.wire.deadlines import Deadlines
    from sluicegate.wire.tunnel import Tunnel

MAX_HEAD_BYTES = 65536
"""Response head, as for requests. nginx proxy_buffer_size: 4 KiB or 8 KiB; Envoy: 60 KiB."""

NEVER = float("inf")
SWITCHING = 101
FIRST_FINAL = 200
_LENGTH = int(ResponseField.CONTENT_LENGTH)
_CODING = int(ResponseField.TRANSFER_ENCODING)
_CONNECTION = int(ResponseField.CONNECTION)
_DATE = int(ResponseField.DATE)


class Receiver(Protocol):
    """Who is told of the response: an attempt."""

    def on_informational(self, status: int, headers: Headers) -> None:
        """Take a 1xx response other than 101."""

    def on_response(self, status: int, headers: Headers, length: int | None) -> None:
        """Take the head; `length` is None when the body's end is found by reading it."""

    def on_data(self, data: bytes) -> None:
        """Take a piece of the body."""

    def on_pause(self) -> None:
        """Take notice that all that was read has been handed over, and the body goes on."""

    def on_complete(self, trailers: Headers | None) -> None:
        """Take notice that the response is whole. The connection has been given back already."""

    def on_error(self, error: UpstreamError) -> None:
        """Take notice that the response will not become whole. The connection is closed."""

    def on_writable(self, writable: bool) -> None:  # noqa: FBT001 - a state, not an option
        """Take notice that the target reads too slowly, or reads again."""


class Owner(Protocol):
    """Who keeps the connection between attempts: a pool."""

    def release(self, connection: ClientConnection) -> None:
        """Take back a connection that can be used again."""

    def lost(self, connection: ClientConnection) -> None:
        """Take notice that the connection is gone."""


class ClientConnection(asyncio.Protocol):
    """An asyncio protocol; `transport` is set once connected. One attempt at a time."""

    __slots__ = (
        "_by_eof",
        "_chunked",
        "_coding",
        "_first_byte_s",
        "_head_bytes",
        "_headers",
        "_idle_s",
        "_in_body",
        "_interim",
        "_length",
        "_limit_at",
        "_named",
        "_names",
        "_no_body",
        "_owner",
        "_parser",
        "_paused",
        "_receiver",
        "_sent",
        "_switching",
        "_trailers",
        "any_bytes",
        "closed",
        "dated",
        "deadline",
        "deadlines",
        "head_only",
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
        self.loop = loop  # kept, for until 3.12 asking asyncio for it is a system call
        self._owner = owner
        self.deadlines = deadlines
        self._names = names
        self._receiver: Receiver | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._first_byte_s = self._idle_s = self._limit_at = NEVER
        self._headers = Headers()
        self._trailers: Headers | None = None
        self._head_bytes = 0
        self._length: int | None = None
        self._coding: bytes | None = None
        self._named: bytes | None = None
        self._chunked = self._by_eof = self._in_body = self._interim = False
        self._no_body = self._paused = self._sent = self._switching = False
        self.any_bytes = False
        self.head_only = False
        self.closed = self.dated = False
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
        *,
        head_only: bool,
        whole: bool,
        chunked: bool,
    ) -> None:
        """Send a request head. `whole`: there is no body; `head_only`: the method is HEAD."""
        self._receiver = receiver
        self._first_byte_s = timeouts.first_byte or NEVER
        self._idle_s = timeouts.idle or NEVER
        total_s = timeouts.total
        self._limit_at = self.deadlines.now + total_s if total_s else NEVER
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
        if self._receiver is None:
            self.close()
            return
        self.any_bytes = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switched(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, UpstreamError):
                self._fail(UpstreamInvalid("a callback failed"))
                raise
            self._fail(error.__context__)
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
            self._complete(reusable=False)
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

    # --- llhttp ----------

    def on_message_begin(self) -> None:
        """Start a head. A second response on a connection that answered already is an intruder."""
        if self._receiver is None:
            raise UpstreamInvalid("bytes after the response")
        self._headers = Headers()
        self._trailers = None
        self._head_bytes = 0
        self._length = None
        self._coding = self._named = None
        self._in_body = self._by_eof = self._no_body = self.dated = False

    def on_header(self, raw: bytes, value: bytes) -> None:
        """Take a header, or a trailer once the body has begun."""
        name, kind = self._names[raw]
        if self._in_body:
            self._trailer(name, value)
        elif not kind:
            self._headers.append((name, value))
        elif kind == _DATE:
            self.dated = True
            self._headers.append((name, value))
        elif kind == _LENGTH:
            self._length = int(value)  # llhttp has checked: digits, once
        elif kind == _CODING:
            self._coding = value if self._coding is None else b"several"
        elif kind == _CONNECTION:
            self._named = value if self._named is None else b"%b,%b" % (self._named, value)
        elif name == b"upgrade" and self._parser.get_status_code() == SWITCHING:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Decide the framing and hand the head over."""
        status = self._parser.get_status_code()
        receiver = self._receiver
        if receiver is None:
            raise UpstreamInvalid("bytes after the response")
        if self._named is not None and self._named != b"keep-alive":
            self._drop_named(self._named)
        if status < FIRST_FINAL:
            self._informational(status, receiver)
            return
        length = self._length
        if self._coding is not None:
            if self._coding.lower() != b"chunked":
                raise UpstreamInvalid("a transfer coding other than chunked")
            length = None
        self._no_body = self.head_only or status in BODILESS
        self._by_eof = length is None and self._coding is None and not self._no_body
        if not self._no_body or self._sent:
            self._arm(self._idle_s)
        self._in_body = True
        if status in BODILESS and self._coding is not None:
            raise UpstreamInvalid("a body where none may be")
        receiver.on_response(status, self._headers, length)
        if self.head_only:
            self._complete(reusable=self._parser.should_keep_alive() and not self._coding)

    def on_body(self, data: bytes) -> None:
        """Hand over a piece of the body."""
        receiver = self._receiver
        if receiver is None or self._no_body:
            raise UpstreamInvalid("bytes after the response")
        if not self._paused:
            self._arm(self._idle_s)
        receiver.on_data(data)

    def on_message_complete(self) -> None:
        """End the response, unless it was only informational."""
        if self._interim:
            self._interim = False
        elif self._receiver is not None and not self._switching:
            self._complete(reusable=self._parser.should_keep_alive())

    # --- steps ----------

    def _informational(self, status: int, receiver: Receiver) -> None:
        if status == SWITCHING:
            if not self._parser.should_upgrade():
                raise UpstreamInvalid("a 101 that names no protocol")
            self._in_body = self._switching = True
            return
        self._interim = True
        receiver.on_informational(status, self._headers)

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

    def _trailer(self, name: bytes, value: bytes) -> None:
        if name in FORBIDDEN_TRAILERS:
            return
        if self._trailers is None:
            self._trailers = Headers()
        self._trailers.append((name, value))
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise UpstreamInvalid("the trailers are too large")

    def _drop_named(self, value: bytes) -> None:
        """Drop the fields that `Connection` names (RFC 9110, section 7.6.1)."""
        for token in value.lower().split(b","):
            name = token.strip()
            if name not in (b"close", b"keep-alive", b"upgrade", b""):
                self._headers.remove(name)

    def _arm(self, seconds: float) -> None:
        at = self.deadlines.now + seconds
        limit = self._limit_at
        self.deadline = min(limit, at)

    def _complete(self, *, reusable: bool) -> None:
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

    def _fail(self, error: UpstreamError) -> None:
        receiver, self._receiver = self._receiver, None
        self.close()
        if receiver is not None:
            receiver.on_error(error)
