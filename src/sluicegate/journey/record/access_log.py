"""`access_log`: one JSON object per exchange and line.

What a secret could be in is left out: headers beside two, bodies, and the query unless asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Meta

from sluicegate.errors import CLIENT_GONE
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

REDACTED = b"***"
LONGEST_AGENT = 256
SECRET_NAMES = (
    "access_token",
    "api_key",
    "apikey",
    "auth",
    "authorization",
    "code",
    "id_token",
    "key",
    "password",
    "refresh_token",
    "secret",
    "sig",
    "signature",
    "token",
    "x-amz-security-token",
    "x-amz-signature",
    "x-api-key",
)
"""Names under which secrets travel in queries: OAuth 2, AWS Signature Version 4, API keys."""


class Config(PolicyConfig, frozen=True, kw_only=True):
    """What is written beside the fields that always are."""

    query: Annotated[bool, Meta(description="Write the query string as well.")] = False
    redact: Annotated[
        tuple[str, ...],
        Meta(description="Query parameters whose values are written as `***`; case is ignored."),
    ] = SECRET_NAMES


class Line(msgspec.Struct, gc=False):
    """One line of the log. A field that does not apply is null."""

    time: Annotated[str, Meta(description="When the exchange ended: RFC 3339, µs, UTC.")]
    request_id: Annotated[str, Meta(description="`X-Request-Id`, taken over or made here.")]
    trace_id: Annotated[str | None, Meta(description="The trace of `traceparent` (W3C).")]
    client_ip: Annotated[str, Meta(description="Who called, as far as proxies are trusted.")]
    method: Annotated[str, Meta(description="As received.")]
    host: Annotated[str, Meta(description="Lower case, without port.")]
    path: Annotated[str, Meta(description="As received and normalised, before any rewrite.")]
    query: Annotated[str | None, Meta(description="Only with `query: true`, redacted.")]
    route: Annotated[str | None, Meta(description="The route that took the request.")]
    service: Annotated[str | None, Meta(description="The service it went to.")]
    target: Annotated[str | None, Meta(description="The target of the attempt that counted.")]
    consumer: Annotated[str | None, Meta(description="Name of the consumer.")]
    key_id: Annotated[str | None, Meta(description="Public id of the key, never the key.")]
    plan: Annotated[str | None, Meta(description="Name of the consumer's plan.")]
    status: Annotated[int, Meta(description="Of the response; 499 when there was none.")]
    problem: Annotated[str | None, Meta(description="Slug of the problem, for local answers.")]
    outcome: Annotated[str | None, Meta(description="How the exchange ended, where not cleanly.")]
    bytes_in: Annotated[int, Meta(description="Bytes of the request's body that arrived.")]
    bytes_out: Annotated[int, Meta(description="Bytes of the response's body that were sent.")]
    duration_ms: Annotated[float, Meta(description="From the request's head to the end.")]
    upstream_ms: Annotated[
        float | None, Meta(description="From the request's head to the response's, of a service.")
    ]
    user_agent: Annotated[str | None, Meta(description="As sent, at most 256 bytes of it.")]


class Policy:
    """Writes one line when an exchange is over."""

    __slots__ = (
        "_encode",
        "_monotonic",
        "_query",
        "_redact",
        "_second",
        "_stamp",
        "_wall_us",
        "_write",
    )

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare the encoder and the names to redact."""
        self._monotonic = parts.clock.monotonic
        self._wall_us = parts.clock.wall_us
        self._write = parts.write_log
        self._encode = msgspec.json.Encoder().encode
        self._query = config.query
        self._redact = frozenset(name.lower().encode() for name in config.redact)
        self._second = 0
        self._stamp = ""

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Remember what a rewrite may change, and write on the way out."""
        request = exchange.request
        path, query = request.path, request.query
        try:
            await onward(exchange)
        finally:
            shown = self._redacted(query) if self._query and query is not None else None
            self._write(self._line(exchange, path, shown))

    def _line(self, exchange: Exchange, path: str, query: str | None) -> bytes:
        """Put the line together. Flat on purpose: every request pays for each call made here."""
        now = self._monotonic()
        second, micro = divmod(self._wall_us(), 1_000_000)
        if second != self._second:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        request = exchange.request
        route = exchange.route
        response = exchange.response
        problem = exchange.problem
        body = request.body
        trace_id = agent = None
        for name, value in request.headers:
            if name == b"traceparent":
                trace_id = value[3:35].decode("latin-1")
            elif name == b"user-agent":
                agent = value[:LONGEST_AGENT].decode("latin-1")
        started = exchange.started_at
        first_byte = exchange.first_byte_at
        line = Line(
            f"{self._stamp}{micro:06d}Z",
            request.request_id,
            trace_id,
            request.client_ip,
            request.method,
            request.host,
            path,
            query,
            None if route is None else route.name,
            exchange.service,
            exchange.target,
            exchange.consumer_name,
            exchange.key_id,
            exchange.plan,
            CLIENT_GONE.status if response is None else response.status,
            None if problem is None else problem.slug,
            exchange.outcome,
            exchange.bytes_in if body is None else body.received,
            exchange.bytes_out,
            round((now - started) * 1e6) / 1e3,
            round((first_byte - started) * 1e6) / 1e3 if first_byte else None,
            agent,
        )
        return self._encode(line) + b"\n"

    def _redacted(self, query: bytes) -> str:
        parts = []
        for part in query.split(b"&"):
            name, equals, _ = part.partition(b"=")
            secret = unquote_to_bytes(name.replace(b"+", b" ")).lower() in self._redact
            parts.append(name + equals + REDACTED if secret and equals else part)
        return b"&".join(parts).decode("latin-1")
