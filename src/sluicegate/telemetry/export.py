"""Sends spans to an OpenTelemetry collector, from a thread that may wait.

    loop    SpanQueue.offer(record)            appends, nothing else
    thread  take ▸ spans_of ▸ OTLP/HTTP        a batch at a time, once a second or when one is full

The SDK's exporter speaks the protocol (OTLP 1.x, protobuf over HTTP), with its own retries, which
end after `tracing.timeout` altogether. What a collector does not take by then is dropped and
counted: spans that wait for a collector that is away would only be older than others. The SDK is
imported by the thread, so that a gateway without tracing never loads it.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING

import structlog

from sluicegate import __version__
from sluicegate.telemetry.spans import SEMCONV, Record, Span, SpanQueue, dropped_family, spans_of

if TYPE_CHECKING:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import ReadableSpan

    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.settings import Region, Tracing

PATH = "/v1/traces"
"""Appended to the base URL (OTLP specification, "OTLP/HTTP Request")."""
BATCH = 512
"""Exchanges sent at once. OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 512."""
INTERVAL_S = 1.0
"""How long spans wait for others. OTEL_BSP_SCHEDULE_DELAY: 5 s; who debugs waits for them."""
FLUSH_S = 3.0
"""For what is left at the end: an orchestrator allows 30 s for everything."""
QUIET_S = 60.0
"""Between two log lines about a collector that is away."""
SDK_LOGGER = "opentelemetry.exporter"
SAMPLED = 1
"""Trace flags of every span that comes this far."""

Convert = Callable[[Span], "ReadableSpan"]


class Exporter:
    """Owns the queue that the loop fills (`spans`) and the thread that empties it."""

    def __init__(self, tracing: Tracing, region: Region, metrics: Metrics, clock: Clock) -> None:
        """Prepare; nothing is imported or sent before `start`."""
        if tracing.endpoint is None:
            raise ValueError("there is no `tracing.endpoint`")
        self._tracing = tracing
        self._url = tracing.endpoint.rstrip("/") + PATH
        self._about = {
            "service.name": tracing.service_name,
            "service.version": __version__,
            "service.instance.id": str(uuid.uuid4()),
            "sluicegate.region": region.name,
        }
        if region.zone is not None:
            self._about["sluicegate.zone"] = region.zone
        self._clock = clock
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._gave_up = threading.Event()
        self.spans = SpanQueue(tracing.queue, BATCH, self._wake, metrics)
        # Each is written by one thread: the exporting one, and at the end whoever closes.
        dropped = dropped_family(metrics)
        self._failed = dropped.cell("failed")
        self._too_late = dropped.cell("shutdown")
        self._exported = metrics.family(
            "sluicegate_spans_exported_total", "counter", "Spans that the collector has taken."
        ).cell()
        self._heard = _FirstWords()
        self._logged_at = -inf
        self._unlogged = 0
        self._sdk: OTLPSpanExporter | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="span-exporter", daemon=True)
            self._thread.start()

    def close(self, deadline_s: float = FLUSH_S) -> bool:
        """Send what waits; say whether the thread was done in time. Blocks, so not on the loop.

        A thread that is stuck in a call is left behind; it does not keep a process alive. A drain
        closes, and the end of the process again: what was left behind is not waited for twice.
        """
        self._stop.set()
        self._wake.set()
        ended = not self._gave_up.is_set()
        if self._thread is not None and ended:
            self._thread.join(deadline_s)
            ended = not self._thread.is_alive()
        if not ended and not self._gave_up.is_set():
            self._gave_up.set()
            if self._sdk is not None:
                _shut_down(self._sdk)  # ends its wait between retries
        self._too_late.value += sum(map(_count, self.spans.take(self.spans.most)))
        return ended

    def _run(self) -> None:
        logger = logging.getLogger(SDK_LOGGER)
        logger.addHandler(self._heard)
        logger.propagate = False  # it says every failure, several times; we say it once a minute
        try:
            self._sdk, convert = self._connect()
            while True:
                self._wake.wait(INTERVAL_S)
                self._wake.clear()
                # Looked at before the queue: what was offered before the end is sent.
                last = self._stop.is_set()
                while not self._gave_up.is_set() and (records := self.spans.take(BATCH)):
                    self._export(self._sdk, convert, records)
                if last:
                    return
        except Exception:  # noqa: BLE001 - a side channel; its queue fills and says so
            structlog.get_logger().exception("span exporter ended")
        finally:
            if self._sdk is not None and not self._gave_up.is_set():
                _shut_down(self._sdk)
            logger.removeHandler(self._heard)

    def _export(self, sdk: OTLPSpanExporter, convert: Convert, records: Sequence[Record]) -> None:
        count = sum(map(_count, records))
        self._heard.message = ""
        try:
            taken = sdk.export([convert(span) for each in records for span in spans_of(each)])
            good = taken.name == "SUCCESS"
        except Exception as error:  # noqa: BLE001 - a batch that cannot be sent must not be the last
            self._heard.message = type(error).__name__
            good = False
        if good:
            self._exported.value += count
        else:
            self._failed.value += count
            self._complain(count)

    def _complain(self, count: int) -> None:
        """Log a loss, once in QUIET_S; it tells of all since the line before."""
        self._unlogged += count
        now = self._clock.monotonic()
        if now - self._logged_at >= QUIET_S:
            structlog.get_logger().warning(
                "spans not exported", url=self._url, lost=self._unlogged, reason=self._heard.message
            )
            self._logged_at = now
            self._unlogged = 0

    def _connect(self) -> tuple[OTLPSpanExporter, Convert]:
        """Load the SDK; return its exporter, and what makes its spans of ours.

        Certificates and compression are left to the SDK's own variables (OTEL_EXPORTER_OTLP_…).
        """
        # Only a gateway that traces pays for these: 0.15 s and 14 MB.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - above
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - above
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - above
        from opentelemetry.sdk.util.instrumentation import (  # noqa: PLC0415 - above
            InstrumentationScope,
        )
        from opentelemetry.trace import (  # noqa: PLC0415 - above
            SpanContext,
            SpanKind,
            Status,
            StatusCode,
            TraceFlags,
        )

        resource = Resource.create(dict(self._about))
        scope = InstrumentationScope("sluicegate", __version__, SEMCONV)
        flags = TraceFlags(SAMPLED)

        def context(span: Span, span_id: str, *, remote: bool) -> SpanContext:
            return SpanContext(int(span.trace_id, 16), int(span_id, 16), remote, flags)

        def convert(span: Span) -> ReadableSpan:
            parent = None
            if span.parent_id is not None:
                parent = context(span, span.parent_id, remote=span.is_server)
            return ReadableSpan(
                span.name,
                context=context(span, span.span_id, remote=False),
                parent=parent,
                resource=resource,
                attributes=span.attributes,
                kind=SpanKind.SERVER if span.is_server else SpanKind.CLIENT,
                status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
                start_time=span.start_us * 1000,
                end_time=span.end_us * 1000,
                instrumentation_scope=scope,
            )

        tracing = self._tracing
        sdk = OTLPSpanExporter(
            self._url, headers=dict(tracing.headers), timeout=float(tracing.timeout)
        )
        return sdk, convert


class _FirstWords(logging.Handler):
    """Keeps what the SDK says first about an export: the cause. Its last words are `time-out`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.message = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.message = self.message or record.getMessage()


def _shut_down(sdk: OTLPSpanExporter) -> None:
    sdk.shutdown()  # type: ignore[no-untyped-call]  # it has no types


def _count(record: Record) -> int:
    return 1 + len(record.attempts)
