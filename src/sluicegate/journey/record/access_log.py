"""`access_log`: one JSON object per exchange and line.

What a secret could be in is left out: headers beside two, bodies, and the query unless asked for.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from sluicegate.journey.record.line import LineLog
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

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
    attempts: Annotated[int, Meta(description="Tries at targets; 0 for a local answer.")]
    bytes_in: Annotated[int, Meta(description="Bytes of the request's body that arrived.")]
    bytes_out: Annotated[int, Meta(description="Bytes of the response's body that were sent.")]
    duration_ms: Annotated[float, Meta(description="From the request's head to the end.")]
    upstream_ms: Annotated[
        float | None, Meta(description="From the request's head to the response's, of a service.")
    ]
    user_agent: Annotated[str | None, Meta(description="As sent, at most 256 bytes of it.")]


class Policy:
    """Writes one line when an exchange is over."""

    __slots__ = ("_log",)

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare the names to redact."""
        names = frozenset(name.lower().encode() for name in config.redact)
        self._log = LineLog(parts.clock, parts.write_log, names if config.query else None)

    def handle(self, exchange: Exchange, onward: Onward) -> Coroutine[Any, Any, None]:
        """Write on the way out, whatever came of the exchange."""
        return self._log.handle(exchange, onward)
