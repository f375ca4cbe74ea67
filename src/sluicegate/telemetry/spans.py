"""What is kept of a sampled exchange, and what its spans say.

The loop appends one `Record` to a `SpanQueue` and is done. Everything else happens in the thread
that exports: `spans_of` turns a record into `Span`s by OpenTelemetry's semantic conventions for
HTTP, version 1.41 (https://opentelemetry.io/docs/specs/semconv/http/http-spans/, stable):

- one of kind server for the exchange, named `{method} {http.route}`;
- one of kind client for each attempt ("SHOULD create an HTTP span for each attempt to send an HTTP
  request"), with `http.request.resend_count` from the second on.

An attempt that calls a model is a span of the conventions for generative AI as well (see `genai`),
named `{gen_ai.operation.name} {gen_ai.request.model}`: what the provider gets in `traceparent` is
its id. Nothing of a prompt or an answer is in it.

Queries are never in them, nor any header beside `User-Agent`: so `url.query` and `url.full`, which
would hold secrets of clients, are left out.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import threading

    from sluicegate.metrics import Family, Metrics
    from sluicegate.telemetry.genai import ModelSpan

SEMCONV = "https://opentelemetry.io/schemas/1.41.0"
"""Version of the conventions, as the scope of our spans says it."""
METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE")
)
"""Those of RFC 9110 and RFC 5789; others are `_OTHER`, and a span is named `HTTP` then."""
CLIENT_ERROR, SERVER_ERROR = 400, 500
DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}

Value = str | int | float | bool | tuple[str, ...]


class AttemptRecord(NamedTuple):
    """One attempt; see `telemetry.trace.AttemptSpan` for the fields."""

    span_id: str
    service: str
    target: str
    number: int
    start_us: int
    end_us: int
    status: int
    error: str | None
    model: ModelSpan | None = None


class Record(NamedTuple):
    """One sampled exchange that is over. Times are microseconds since 1970.

    `authority` is host and port as the client wrote them; `template` is the route's path as
    configured; `status` is 0 where no response was sent; `error` names what went wrong, None where
    nothing did.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    start_us: int
    end_us: int
    method: str
    path: str
    scheme: str
    authority: str
    client: str
    user_agent: str | None
    request_id: str
    route: str | None
    template: str | None
    consumer: str | None
    status: int
    error: str | None
    attempts: tuple[AttemptRecord, ...]


class Span(NamedTuple):
    """One span, independent of any library."""

    trace_id: str
    span_id: str
    parent_id: str | None
    is_server: bool
    name: str
    start_us: int
    end_us: int
    failed: bool
    attributes: dict[str, Value]


class SpanQueue:
    """Records that wait for export. The loop offers, the exporting thread takes; nobody waits.

    Past `most` records, new ones are dropped and their spans counted. `wake` is set once a whole
    batch is there, so that a burst need not wait for the thread's next look.
    """

    __slots__ = ("_batch", "_overflow", "_records", "_wake", "most")

    def __init__(self, most: int, batch: int, wake: threading.Event, metrics: Metrics) -> None:
        """Start empty. `batch` is a number of records."""
        self.most = most
        self._batch = batch
        self._wake = wake
        self._records: deque[Record] = deque()
        # Written by the loop alone; other reasons are other cells, of the thread.
        self._overflow = dropped_family(metrics).cell("overflow")

    def __len__(self) -> int:
        """Return how many records wait."""
        return len(self._records)

    def offer(self, record: Record) -> None:
        """Take a record, or count its spans as dropped."""
        records = self._records
        waiting = len(records)
        if waiting >= self.most:
            self._overflow.value += 1 + len(record.attempts)
            return
        records.append(record)
        if waiting >= self._batch and not self._wake.is_set():
            self._wake.set()

    def take(self, most: int) -> list[Record]:
        """Give the oldest records away, at most so many. Any thread may."""
        taken: list[Record] = []
        with suppress(IndexError):  # it is empty, or somebody else was faster
            while len(taken) < most:
                taken.append(self._records.popleft())
        return taken


def dropped_family(metrics: Metrics) -> Family:
    """Return the family that counts lost spans. Each of its cells has one thread that writes it."""
    return metrics.family(
        "sluicegate_spans_dropped_total",
        "counter",
        "Spans lost: `overflow`, they came faster than they were exported; `failed`, the collector "
        "did not take them; `shutdown`, there was no time left.",
        ("reason",),
    )


def spans_of(record: Record) -> list[Span]:
    """Return the spans of an exchange, its own first."""
    return [_exchange_span(record), *(_attempt_span(record, each) for each in record.attempts)]


def _exchange_span(record: Record) -> Span:
    host, port = _host_and_port(record.authority, DEFAULT_PORTS.get(record.scheme))
    found: dict[str, Value | None] = {
        **_method(record.method),
        "url.path": record.path,
        "url.scheme": record.scheme,
        "server.address": host or None,
        "server.port": port if host else None,
        "client.address": record.client,
        "user_agent.original": record.user_agent,
        "http.route": record.template,
        "http.response.status_code": record.status or None,
        "error.type": record.error,
        "sluicegate.route": record.route,
        "sluicegate.consumer": record.consumer,
        "sluicegate.request_id": record.request_id,
    }
    name = _name(record.method)
    return Span(
        record.trace_id,
        record.span_id,
        record.parent_id,
        is_server=True,
        name=name if record.template is None else f"{name} {record.template}",
        start_us=record.start_us,
        end_us=max(record.start_us, record.end_us),
        # Of a server's span, 4xx is no error: the client made it.
        failed=record.error is not None or record.status >= SERVER_ERROR,
        attributes=_present(found),
    )


def _attempt_span(record: Record, attempt: AttemptRecord) -> Span:
    model = attempt.model
    if model is None:
        host, port = _host_and_port(attempt.target, None)
    else:
        host, port = _host_and_port(model.authority, DEFAULT_PORTS.get(model.scheme))
    failed = attempt.status >= CLIENT_ERROR
    error = attempt.error or (str(attempt.status) if failed else None)
    if error is None and not attempt.end_us:
        error = "cancelled"  # it was still under way when the exchange ended
    found: dict[str, Value | None] = {
        **_method(record.method),
        "server.address": host,
        "server.port": port,
        "http.request.resend_count": max(0, attempt.number - 1) or None,
        "http.response.status_code": attempt.status or None,
        "error.type": error,
        "sluicegate.service": attempt.service,
    }
    name = _name(record.method)
    if model is not None:
        name = f"{model.operation} {model.model}"
        found["sluicegate.deployment"] = attempt.target
        found |= _of_model(model)
    return Span(
        record.trace_id,
        attempt.span_id,
        record.span_id,
        is_server=False,
        name=name,
        start_us=attempt.start_us,
        end_us=max(attempt.start_us, attempt.end_us or record.end_us),
        failed=error is not None,
        attributes=_present(found),
    )


def _of_model(model: ModelSpan) -> dict[str, Value | None]:
    """Return the attributes of a call of a model. Counts that are 0 were not told."""
    found: dict[str, Value | None] = {
        "gen_ai.operation.name": model.operation,
        "gen_ai.provider.name": model.vendor,
        "gen_ai.request.model": model.model,
        "gen_ai.request.stream": model.stream or None,
        "gen_ai.response.id": model.response_id or None,
        "gen_ai.response.model": model.response_model or None,
        "gen_ai.response.finish_reasons": tuple(model.reasons) or None,
        "gen_ai.response.time_to_first_chunk": model.first_token_s or None,
        "sluicegate.cost_nano_usd": model.cost,
    }
    usage = model.usage
    if usage is not None:
        found |= {
            "gen_ai.usage.input_tokens": usage.input,
            "gen_ai.usage.output_tokens": usage.output,
            "gen_ai.usage.cache_read.input_tokens": usage.cached or None,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write or None,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning or None,
            "gen_ai.usage.audio.input_tokens": usage.audio_input or None,
            "gen_ai.usage.audio.output_tokens": usage.audio_output or None,
            "gen_ai.usage.image.input_tokens": usage.image_input or None,
            "sluicegate.usage.estimated": usage.estimated or None,
        }
    return found


def _method(method: str) -> dict[str, Value]:
    if method in METHODS:
        return {"http.request.method": method}
    return {"http.request.method": "_OTHER", "http.request.method_original": method}


def _name(method: str) -> str:
    return method if method in METHODS else "HTTP"


def _present(found: dict[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in found.items() if value is not None}


def _host_and_port(authority: str, default: int | None) -> tuple[str, int | None]:
    """Take `host`, `host:port` or `[address]:port` apart; the host without brackets."""
    host, colon, port = authority.rpartition(":")
    if not colon or not port.isdecimal():
        return authority.strip("[]"), default
    return host.strip("[]"), int(port)
