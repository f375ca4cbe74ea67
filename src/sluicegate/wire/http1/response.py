"""How responses are written to a client: head, body and end, with framing of our own.

RFC 9112, section 6: a known length is announced; else the body is chunked for HTTP/1.1, and ends
with the connection for HTTP/1.0. What a target used towards us plays no part in it.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Final

from sluicegate.exchange import BODILESS
from sluicegate.wire.http1.lines import fields, last_chunk

if TYPE_CHECKING:
    import asyncio

    from sluicegate.exchange import Exchange
    from sluicegate.headers import Headers
    from sluicegate.wire.http1.context import ServerContext

DRAIN_BYTES: Final = 65536
"""How much of an unread body is dropped before a kept connection is closed instead."""
COPY_BYTES: Final = 16384
"""Up to here copying a body behind its head is cheaper than a vector write."""
_RESET: Final = b"\x01\x00\x00\x00\x00\x00\x00\x00"
"""`struct linger` that makes close() send a reset (socket(7))."""


class ResponseWriter:
    """The writing half of a client's connection."""

    __slots__ = (
        "_chunking",
        "_close_after",
        "_context",
        "_keep_alive",
        "_mute",
        "_unsent",
        "_write_paused",
        "transport",
    )

    def __init__(self, context: ServerContext) -> None:
        """Start with nothing written."""
        self._context = context
        self._keep_alive = True
        self._unsent: list[bytes] = []
        self._close_after = self._chunking = self._mute = self._write_paused = False
        self.transport: asyncio.Transport

    def send_head(self, exchange: Exchange) -> None:
        """Write the response head, with framing of our own (RFC 9112, section 6)."""
        response = exchange.response
        if response is None:
            raise RuntimeError("send_head() without a response")
        request, context = exchange.request, self._context
        status, length = response.status, response.length
        pairs: list[tuple[bytes, bytes]] = response.headers
        lines = [b": ".join(pair) for pair in pairs]
        self._chunking = False
        self._mute = request.method == "HEAD" or status in BODILESS
        if length is not None:
            if status != 204:  # noqa: PLR2004 - No Content
                lines.append(b"content-length: %d" % length)
        elif not self._mute:
            if request.version == "1.1":
                self._chunking = True
                lines.append(b"transfer-encoding: chunked")
            else:
                exchange.keep_alive = False
        self._keep_alive = exchange.keep_alive and (
            request.body is None or self._may_keep(exchange)
        )
        if context.draining or self._close_after:
            self._keep_alive = False
        if not self._keep_alive:
            lines.append(b"connection: close")
        elif request.version == "1.0":
            lines.append(b"connection: keep-alive")
        lines.append(context.tail_lines(request.request_id, response.dated))
        self._unsent.append(context.status_lines[status] + b"\r\n".join(lines))
        if self._write_paused and exchange.flow is not None:
            exchange.flow.pause()

    def send_upgrade(self, exchange: Exchange, headers: Headers) -> None:
        """Write `101 Switching Protocols`."""
        line = self._context.status_lines[101]
        self._unsent.append(line + fields(headers) + b"connection: upgrade\r\n\r\n")
        self.flush()
        exchange.upgraded = True

    def send_informational(self, status: int, headers: Headers) -> None:
        """Write a 1xx response. The caller knows that the client speaks HTTP/1.1."""
        self._unsent.append(self._context.status_lines[status] + fields(headers) + b"\r\n")
        self.flush()

    def send_body(self, data: bytes) -> None:
        """Write a piece of the body."""
        if self._mute or not data:
            return
        if self._chunking:
            self._unsent += (b"%x\r\n" % len(data), data, b"\r\n")
        else:
            self._unsent.append(data)

    def send_end(self, trailers: Headers | None) -> None:
        """Write the end of the body."""
        if self._chunking:
            self._unsent.append(last_chunk(trailers))
        self.flush()

    def flush(self) -> None:
        """Give what is written to the kernel, in one call: a response in one read is one write."""
        pieces, self._unsent = self._unsent, []
        try:
            if len(pieces) == 1:
                self.transport.write(pieces[0])
            elif len(pieces) == 2 and len(pieces[1]) <= COPY_BYTES:  # noqa: PLR2004 - head, body
                self.transport.write(pieces[0] + pieces[1])
            elif pieces:
                self.transport.writelines(pieces)
        except RuntimeError:  # uvloop's word for a client lost in this turn, its task not yet told
            if not self.transport.is_closing():
                raise

    def cut(self) -> None:
        """Close with a reset where the end of the body is the end of the connection."""
        if not self._chunking and (sock := self.transport.get_extra_info("socket")) is not None:
            with contextlib.suppress(OSError, ValueError):  # ValueError: it is closed already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _may_keep(self, exchange: Exchange) -> bool:
        """Whether the rest of the request's body is no obstacle to keeping the connection."""
        body = exchange.request.body
        if body is None or body.ended:
            return True
        if body.error is not None or body.expects_continue:
            return False
        if exchange.flow is not None:
            return True
        return body.length is not None and body.length - body.received <= DRAIN_BYTES
