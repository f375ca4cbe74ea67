"""How requests are read from a client: llhttp's callbacks to exchanges and bodies.

What to do with them is left to the connection, by the hooks at the end. Only the reader touches the
parser. llhttp stops at an `Upgrade`; where we ignore that and the request has a body, `_reframe`
makes it read on.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Final

import httptools

from sluicegate.errors import (
    HEADERS_TOO_LARGE,
    INTERNAL,
    MALFORMED,
    NOT_IMPLEMENTED,
    TARGET_TOO_LONG,
    VERSION_NOT_SUPPORTED,
    Refused,
)
from sluicegate.headers import Headers
from sluicegate.wire.body import RequestBody
from sluicegate.wire.http1.head import Head
from sluicegate.wire.http1.names import FORBIDDEN_TRAILERS, RequestField
from sluicegate.wire.http1.response import ResponseWriter

if TYPE_CHECKING:
    from sluicegate.exchange import Client, Exchange, Request
    from sluicegate.wire.forwarded import Forwarding
    from sluicegate.wire.http1.context import ServerContext

_HOST: Final = int(RequestField.HOST)
_METHOD: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ ]+ HTTP/")


class RequestReader(ResponseWriter):
    """The reading half of a client's connection. Source of its exchanges' bodies."""

    __slots__ = (
        "_body",
        "_client",
        "_exchange",
        "_forwarding",
        "_head",
        "_in_head",
        "_parser",
        "_queue",
        "_reframing",
        "_requests",
        "_trailers",
    )

    def __init__(self, context: ServerContext) -> None:
        """Start before the first request."""
        super().__init__(context)
        self._parser = httptools.HttpRequestParser(self)
        self._head = Head()
        self._body: RequestBody | None = None
        self._trailers: Headers | None = None
        self._exchange: Exchange | None = None
        self._queue: deque[Exchange] = deque()
        self._in_head = self._reframing = False
        self._requests = 0
        self._client: Client
        self._forwarding: Forwarding

    def parse(self, data: bytes) -> None:
        """Parse what came; raises what a callback of ours should not have."""
        # Told apart from bodies and earlier requests in the same read, which are no head's bytes.
        requests = self._requests if self._body is None else -1
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self.refuse(cause if isinstance(cause, Refused) else Refused(INTERNAL))
            if not isinstance(cause, Refused):
                raise
        except httptools.HttpParserError as error:
            self.refuse(self._syntax(data, error))
        else:
            if self._in_head and self._requests == requests:
                self._head.fed += len(data)
                if self._head.fed > self._context.http.max_header_bytes:
                    self.refuse(Refused(HEADERS_TOO_LARGE))

    def _syntax(self, data: bytes, error: httptools.HttpParserError) -> Refused:
        """Name what llhttp did not like."""
        if self._requests == 0 and data.startswith(b"PRI * HTTP/2.0"):
            return Refused(VERSION_NOT_SUPPORTED, "HTTP/2 is not spoken here")
        if isinstance(error, httptools.HttpParserInvalidMethodError) and _METHOD.match(data):
            return Refused(NOT_IMPLEMENTED, "the method is not known")
        return Refused(MALFORMED, str(error))

    def _trailer(self, raw: bytes, value: bytes) -> None:
        name, kind = self._context.names[raw]
        head = self._head
        head.size += len(raw) + len(value)
        if head.size > self._context.http.max_header_bytes:
            raise Refused(HEADERS_TOO_LARGE, "the trailers are too large")
        if kind or name in FORBIDDEN_TRAILERS:
            return
        if self._trailers is None:
            self._trailers = Headers()
        self._trailers.append((name, value))

    # --- llhttp ----------

    def on_message_begin(self) -> None:
        """Start a head. Its deadline is absolute: bytes do not extend it."""
        if self._reframing:
            return
        self._in_head = True
        self._head = Head()
        self._body = None
        self._trailers = None
        self.begun()

    def on_url(self, piece: bytes) -> None:
        """Take a piece of the target."""
        if not self._reframing:
            head = self._head
            head.target = head.target + piece if head.target else piece
            if len(head.target) > self._context.http.max_target:
                raise Refused(TARGET_TOO_LONG)

    def on_header(self, raw: bytes, value: bytes) -> None:
        """Take a header, or a trailer once the body has begun."""
        if not self._in_head:
            if not self._reframing:
                self._trailer(raw, value)
            return
        name, kind = self._context.names[raw]
        head = self._head
        head.size += len(raw) + len(value)
        if kind == _HOST and head.host is None:
            head.host = value
        elif kind:
            head.take(kind, name, value, self._context.http)
        else:
            head.fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Build the request and start its exchange, or let it wait for the one before."""
        if self._reframing:
            return
        head, context, client = self._head, self._context, self._client
        http = context.http
        if len(head.headers) > http.max_headers or head.size > http.max_header_bytes:
            raise Refused(HEADERS_TOO_LARGE)
        parser = self._parser
        # Without a Connection header, kept alive means 1.1; asking llhttp for the version is dear.
        plain = head.named is None and parser.should_keep_alive()
        version = "1.1" if plain else parser.get_http_version()
        method = context.methods[parser.get_method()]
        request = head.request(method, version, client, context.ids, context.slashes)
        request.client_ip = self._forwarding.add_to(
            request.headers, head.forwarded, request.authority
        )
        if head.forwarded:
            request.scheme = self._forwarding.scheme
        refused: Refused | None = None
        if head.chunked or head.length:
            self._body = request.body = RequestBody(
                self, head.length, http.max_body, expects_continue=head.expect is not None
            )
            refused = request.body.check_length()
            if parser.should_upgrade():
                request.upgrade = None
        self._in_head = False
        self._requests += 1
        keep_alive = plain or head.keep_alive(version)
        keep_alive = keep_alive and self._requests < http.max_requests
        self.accept(request, keep_alive=keep_alive, refused=refused)

    def on_body(self, data: bytes) -> None:
        """Pass on a piece of the body, or drop it when the answer has been given."""
        body = self._body
        if body is None:
            return
        if self._exchange is None and not self._queue:
            self.drop(data)
            return
        body.feed(data)

    def on_message_complete(self) -> None:
        """End the body."""
        if self._reframing:
            return
        body = self._body
        if body is not None:
            if self._parser.should_upgrade() and not body.ended and body.received == 0:
                return  # llhttp stops at an Upgrade; the body is read by _reframe
            self._body = None
            body.end(self._trailers)
            if self._exchange is None and not self._queue:
                self.over()

    def _reframe(self, rest: bytes) -> None:
        """Read the body of a request whose Upgrade we ignore: llhttp has stopped at its head."""
        body, head = self._body, self._head
        self._parser = httptools.HttpRequestParser(self)
        self._reframing = True
        framing = (
            b"content-length: %d" % head.length if head.length else b"transfer-encoding: chunked"
        )
        self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
        self._reframing = False
        self._body = body
        if rest:
            self.parse(rest)

    # --- what becomes of it ----------

    def pause_body(self) -> None:
        """Stop reading (a `BodySource`)."""
        raise NotImplementedError

    def resume_body(self) -> None:
        """Read on (a `BodySource`)."""
        raise NotImplementedError

    def send_continue(self) -> None:
        """Answer `Expect: 100-continue` (a `BodySource`)."""
        raise NotImplementedError

    def begun(self) -> None:
        """Take notice of the first byte of a head."""
        raise NotImplementedError

    def accept(self, request: Request, *, keep_alive: bool, refused: Refused | None) -> None:
        """Take a request whose head is complete; `refused`: it is to be answered with that."""
        raise NotImplementedError

    def refuse(self, error: Refused) -> None:
        """Take notice that nothing more can be read."""
        raise NotImplementedError

    def upgraded(self, rest: bytes) -> None:
        """Take the bytes after a request that asks for another protocol."""
        raise NotImplementedError

    def drop(self, data: bytes) -> None:
        """Take a piece of a body that nobody reads any more."""
        raise NotImplementedError

    def over(self) -> None:
        """Take notice that such a body has ended."""
        raise NotImplementedError
