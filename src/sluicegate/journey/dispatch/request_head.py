"""The head of a request as it is sent to a target: the policies' headers, and our own framing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.wire.http1.lines import fields

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.telemetry.trace import AttemptSpan
    from sluicegate.upstream.target import Target

INF: Final = float("inf")
CHUNKED: Final = b"transfer-encoding: chunked\r\n"


def head_of(exchange: Exchange, target: Target, span: AttemptSpan | None, now: float) -> bytes:
    """Write the head. `span` is that of the attempt, where the exchange is traced.

    `now` is in monotonic seconds.
    """
    request, body = exchange.request, exchange.request.body
    host = target.host_header or request.authority or target.label.encode("ascii")
    parts = [request.method.encode("ascii"), b" ", request.path.encode("ascii")]
    if request.query is not None:
        parts += (b"?", request.query)
    parts += (b" HTTP/1.1\r\nhost: ", host, b"\r\n")
    if span is None:
        parts.append(fields(request.headers))
    else:
        others = [field for field in request.headers if field[0] != b"traceparent"]
        parts.append(fields([*others, (b"traceparent", span.traceparent())]))
    if exchange.deadline_header is not None and exchange.deadline != INF:
        left_ms = max(0, int((exchange.deadline - now) * 1000))
        parts.append(b"%b: %d\r\n" % (exchange.deadline_header, left_ms))
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
