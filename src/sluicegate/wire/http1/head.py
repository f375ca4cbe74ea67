"""The head of a request while it arrives: what is kept of it, and what it is refused for.

The rules that a parser does not know are here: one Host, one framing, no names that a target may
read as others, no upgrade with a body we cannot frame.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from sluicegate.errors import (
    EXPECTATION_FAILED,
    MALFORMED,
    NOT_IMPLEMENTED,
    VERSION_NOT_SUPPORTED,
    Refused,
)
from sluicegate.exchange import Request
from sluicegate.headers import Headers
from sluicegate.telemetry.trace import is_trace
from sluicegate.wire.http1.names import RequestField
from sluicegate.wire.target import parse_host, parse_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Client
    from sluicegate.settings import Http

_ID: Final = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}\Z")
"""What a client may choose as a request id: anything else is replaced."""

IDS_AT_ONCE: Final = 256
"""One call to the kernel for so many ids."""

_KEEP: Final = frozenset({b"keep-alive", b"close", b"upgrade", b""})
"""Names in `Connection` that stand for no header we would pass on."""


class Head:
    """Fields of one request head that mean something to the gateway; the rest is in `headers`."""

    size = 0
    fed = 0
    target = b""
    host: bytes | None = None
    length: int | None = None
    chunked = False
    named: bytes | None = None
    upgrade: bytes | None = None
    expect: bytes | None = None
    forwarded: Sequence[tuple[bytes, bytes]] = ()
    request_id: bytes | None = None
    traceparent: bytes | None = None

    def __init__(self) -> None:
        """Start empty. What is absent from most requests costs nothing: it stays on the class."""
        self.headers = Headers()
        self.fields: list[tuple[bytes, bytes]] = self.headers
        """The same list, by the type that the compiler knows how to append to."""

    def take(  # noqa: C901, PLR0912 - a table, written as branches because they are cheaper
        self, kind: int, name: bytes, value: bytes, http: Http
    ) -> None:
        """Keep a field that is not plain. Raises Refused."""
        if kind == RequestField.HOST:
            if self.host is not None:
                raise Refused(MALFORMED, "more than one Host header")
            self.host = value
        elif kind == RequestField.CONTENT_LENGTH:
            self.length = int(value)  # llhttp has checked: digits, once, never with chunked
        elif kind == RequestField.TRANSFER_ENCODING:
            if value.lower() != b"chunked":
                raise Refused(NOT_IMPLEMENTED, "a transfer coding other than chunked")
            self.chunked = True
        elif kind == RequestField.CONNECTION:
            self.named = value if self.named is None else self.named + b"," + value
        elif kind == RequestField.UPGRADE:
            self.upgrade = value
        elif kind == RequestField.EXPECT:
            self.expect = value
        elif kind == RequestField.FORWARDED:
            self.forwarded = [*self.forwarded, (name, value)]
        elif kind == RequestField.REQUEST_ID:
            self.request_id = value
        elif kind == RequestField.TRACEPARENT:
            # Of several nobody knows which one counts: the trace begins anew.
            self.traceparent = value if self.traceparent is None else b""
        elif kind >= RequestField.UNDERSCORE:
            if kind == RequestField.UNDERSCORE_TRICK or http.underscores == "refuse":
                raise Refused(MALFORMED, "a header name with an underscore")
            self.headers.append((name, value))

    def request(
        self,
        method: str,
        version: str,
        client: Client,
        context: IdSource,
        slashes: bool = False,  # noqa: FBT001, FBT002 - hot path
    ) -> Request:
        """Build the request, without forwarding fields and body. Raises Refused.

        `slashes` keeps encoded slashes in the path.
        """
        if version != "1.1":
            if version != "1.0":
                raise Refused(VERSION_NOT_SUPPORTED)
            if self.chunked:
                raise Refused(MALFORMED, "chunked framing in HTTP/1.0")
        if self.expect is not None and self.expect.lower() != b"100-continue":
            raise Refused(EXPECTATION_FAILED, "only 100-continue is understood")
        host, path, query = parse_target(method, self.target, slashes)
        if not self.host and version != "1.0":
            raise Refused(MALFORMED, "no Host header")
        authority = host or self.host or b""
        request = Request()
        request.method = method
        request.version = version
        request.target = self.target
        request.path = path
        request.query = query
        request.authority = authority
        request.host = parse_host(authority) if authority else ""
        if host is not None and self.host is not None:
            parse_host(self.host)
        request.scheme = client.scheme
        request.headers = self.headers
        request.client_ip = client.peer
        request.body = None
        request.upgrade = None
        if self.named is not None:
            self._connection(request, self.named)
        self._identify(request, context)
        return request

    def refused_request(self, method: str, client: Client, context: IdSource) -> Request:
        """Stand in for a request that could not be read, so that its refusal is recorded."""
        request = Request()
        request.method, request.version, request.target = method, "1.1", self.target
        request.path, request.query, request.authority, request.host = "-", None, b"", "-"
        request.scheme, request.headers, request.client_ip = client.scheme, Headers(), client.peer
        request.body, request.upgrade = None, None
        self.request_id = self.traceparent = None
        self._identify(request, context)
        return request

    def keep_alive(self, version: str) -> bool:
        """Whether the client wants the connection kept (RFC 9112, section 9.3)."""
        if self.named is None:
            return version == "1.1"
        tokens = [token.strip() for token in self.named.lower().split(b",")]
        return b"close" not in tokens and (version == "1.1" or b"keep-alive" in tokens)

    def _connection(self, request: Request, named: bytes) -> None:
        """Drop what `Connection` names; find out about an upgrade."""
        tokens = {token.strip() for token in named.lower().split(b",")}
        if b"upgrade" in tokens and self.upgrade is not None and request.version == "1.1":
            request.upgrade = self.upgrade.decode("latin-1").strip().lower()
        if not tokens <= _KEEP:
            self.headers[:] = [pair for pair in self.headers if pair[0] not in tokens]

    def _identify(self, request: Request, context: IdSource) -> None:
        """Carry or create `X-Request-Id` and `traceparent`."""
        given, trace = self.request_id, self.traceparent
        fresh = context.hex() if given is None or trace is None else b""
        if given is None or not _ID.match(given):
            given = fresh or context.hex()
        request.request_id = given.decode("ascii")
        request.own_trace = trace is None or not is_trace(trace)
        if trace is None or request.own_trace:
            if trace is not None:
                self.headers.remove(b"tracestate")  # it belongs to what could not be read
            fresh = fresh or context.hex()
            trace = b"00-" + fresh + b"-" + fresh[8:24] + b"-00"
        request.headers += ((b"x-request-id", given), (b"traceparent", trace))


class IdSource:
    """Makes ids of requests and traces: unique, cheap and not secret.

    A request that brings neither gets one random number for both, so that its log line and its
    trace are found by the same search. The trace is marked as not sampled (W3C Trace Context).
    """

    __slots__ = ("_at", "_digits")

    def __init__(self) -> None:
        """Start with an empty store of random digits."""
        self._digits = b""
        self._at = 0

    def hex(self) -> bytes:
        """Return 32 random hex digits, neither half of them zero (odds: 1 in 2**63)."""
        at = self._at
        if at == len(self._digits):
            self._digits = os.urandom(16 * IDS_AT_ONCE).hex().encode("ascii")
            at = 0
        self._at = at + 32
        return self._digits[at : at + 32]
