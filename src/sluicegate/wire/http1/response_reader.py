"""How responses are read from a target: llhttp's callbacks to what a receiver is told.

Framing follows RFC 9112, section 6.3, strictly: one Content-Length or exactly `chunked`; a response
with neither ends with the connection, and only a clean EOF ends it.
"""

from __future__ import annotations

from typing import Final, Protocol

import httptools

from sluicegate.errors import UpstreamInvalid
from sluicegate.exchange import BODILESS
from sluicegate.headers import Headers
from sluicegate.wire.http1.names import FORBIDDEN_TRAILERS, ResponseField, ResponseNames

MAX_HEAD_BYTES: Final = 65536
"""Response head, as for requests. nginx proxy_buffer_size: 4 KiB or 8 KiB; Envoy: 60 KiB."""

SWITCHING: Final = 101
FIRST_FINAL: Final = 200
_LENGTH: Final = int(ResponseField.CONTENT_LENGTH)
_CODING: Final = int(ResponseField.TRANSFER_ENCODING)
_CONNECTION: Final = int(ResponseField.CONNECTION)
_DATE: Final = int(ResponseField.DATE)


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

    def on_error(self, error: Exception) -> None:
        """Take notice that the response will not become whole. The connection is closed.

        `error` is an UpstreamError, or what a callback of the receiver's has raised.
        """

    def on_writable(self, writable: bool) -> None:  # noqa: FBT001 - a state, not an option
        """Take notice that the target reads too slowly, or reads again."""


class ResponseReader:
    """The reading half of a connection to a target. One response at a time, for `_receiver`."""

    __slots__ = (
        "_by_eof",
        "_coding",
        "_fields",
        "_head_bytes",
        "_headers",
        "_in_body",
        "_interim",
        "_length",
        "_named",
        "_names",
        "_no_body",
        "_parser",
        "_receiver",
        "_switching",
        "_trailers",
        "any_bytes",
        "dated",
        "head_only",
    )

    def __init__(self, names: ResponseNames) -> None:
        """Start before the first response."""
        self._names = names
        self._receiver: Receiver | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers = Headers()
        self._fields: list[tuple[bytes, bytes]] = self._headers  # as the compiler knows it
        self._trailers: Headers | None = None
        self._head_bytes = 0
        self._length: int | None = None
        self._coding: bytes | None = None
        self._named: bytes | None = None
        self._by_eof = self._in_body = self._interim = self._no_body = self._switching = False
        self.any_bytes = self.dated = self.head_only = False

    def on_message_begin(self) -> None:
        """Start a head. A second response on a connection that answered already is an intruder."""
        if self._receiver is None:
            raise UpstreamInvalid("bytes after the response")
        self._fields = self._headers = Headers()
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
            self._fields.append((name, value))
        elif kind == _DATE:
            self.dated = True
            self._fields.append((name, value))
        elif kind == _LENGTH:
            self._length = int(value)  # llhttp has checked: digits, once
        elif kind == _CODING:
            self._coding = value if self._coding is None else b"several"
        elif kind == _CONNECTION:
            self._named = value if self._named is None else b"%b,%b" % (self._named, value)
        elif name == b"upgrade" and self._parser.get_status_code() == SWITCHING:
            self._fields.append((name, value))

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
        self.moved()
        self._in_body = True
        if status in BODILESS and self._coding is not None:
            raise UpstreamInvalid("a body where none may be")
        receiver.on_response(status, self._headers, length)
        if self.head_only:
            self.complete(reusable=self._parser.should_keep_alive() and not self._coding)

    def on_body(self, data: bytes) -> None:
        """Hand over a piece of the body."""
        receiver = self._receiver
        if receiver is None or self._no_body:
            raise UpstreamInvalid("bytes after the response")
        self.moved()
        receiver.on_data(data)

    def on_message_complete(self) -> None:
        """End the response, unless it was only informational."""
        if self._interim:
            self._interim = False
        elif self._receiver is not None and not self._switching:
            self.complete(reusable=self._parser.should_keep_alive())

    def _informational(self, status: int, receiver: Receiver) -> None:
        if status == SWITCHING:
            if not self._parser.should_upgrade():
                raise UpstreamInvalid("a 101 that names no protocol")
            self._in_body = self._switching = True
            return
        self._interim = True
        receiver.on_informational(status, self._headers)

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

    # --- what becomes of it ----------

    def moved(self) -> None:
        """Take notice that the target has sent something."""
        raise NotImplementedError

    def complete(self, *, reusable: bool) -> None:
        """Take notice that the response is whole; `reusable`: the target keeps the connection."""
        raise NotImplementedError
