from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sluicegate.metrics import Metrics
from sluicegate.model.units import convert
from sluicegate.settings import Region, Tracing
from sluicegate.telemetry.export import BATCH, QUIET_S, Exporter
from sluicegate.telemetry.spans import AttemptRecord, Record
from support.collector import attributes, collector
from support.mock_clock import MockClock
from support.ports import eventually, free_port

ENOUGH_S = 30.0
"""To load the SDK and send what waits, on a busy machine."""
SOON = "300ms"
"""For a collector that takes nothing: how long it is asked."""
ATTEMPT = AttemptRecord("b" * 16, "users", "10.0.0.5:9000", 2, 110, 150, 503, None)
RECORD = Record(
    trace_id="a" * 32,
    span_id="c" * 16,
    parent_id="d" * 16,
    start_us=1_700_000_000_000_100,
    end_us=1_700_000_000_000_160,
    method="GET",
    path="/users/7",
    scheme="http",
    authority="api.example",
    client="192.0.2.7",
    user_agent=None,
    request_id="r-1",
    route="users",
    template="/users/{id}",
    consumer=None,
    status=200,
    error=None,
    attempts=(ATTEMPT,),
)


class Scripted:
    """A collector that answers as told: statuses in turn, the last one for ever."""

    def __init__(self, statuses: list[int]) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.gate = threading.Event()
        self.gate.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.requests.append((self.path, dict(self.headers.items()), body))
                outer.gate.wait(20)
                self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def resource(self) -> dict[str, Any]:
        """Return the resource of the first export."""
        request = ExportTraceServiceRequest.FromString(self.requests[0][2])
        pairs = request.resource_spans[0].resource.attributes
        return {pair.key: pair.value.string_value for pair in pairs}


@contextmanager
def scripted(*statuses: int) -> Iterator[Scripted]:
    made = Scripted(list(statuses))
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.gate.set()
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def tracing(url: str, **more: Any) -> Tracing:
    made = convert({"endpoint": url, "timeout": "10s", **more}, Tracing)
    assert isinstance(made, Tracing)
    return made


def exporter(url: str, metrics: Metrics, clock: MockClock | None = None, **more: Any) -> Exporter:
    region = Region(name="eu", zone="eu-1")
    return Exporter(tracing(url, **more), region, metrics, clock or MockClock())


def offer(made: Exporter, record: Record = RECORD) -> None:
    """Offer a record, and do not wait for others to go with it."""
    made.spans.offer(record)
    made._wake.set()


def dropped(metrics: Metrics, reason: str) -> float:
    return metrics.families["sluicegate_spans_dropped_total"].cell(reason).value


def exported(metrics: Metrics) -> float:
    return metrics.families["sluicegate_spans_exported_total"].cell().value


def test_a_real_collector_gets_what_was_offered() -> None:
    metrics = Metrics()
    with collector() as at:
        made = exporter(at.url, metrics)
        made.start()
        made.spans.offer(RECORD)
        assert made.close(ENOUGH_S)
        server, attempt = sorted(at.wait(2), key=lambda span: span.kind)
    assert (server.name, server.kind) == ("GET /users/{id}", Span.SPAN_KIND_SERVER)
    assert (server.trace_id.hex(), server.span_id.hex()) == ("a" * 32, "c" * 16)
    assert server.parent_span_id.hex() == "d" * 16
    assert server.start_time_unix_nano == RECORD.start_us * 1000
    assert server.end_time_unix_nano == RECORD.end_us * 1000
    assert attributes(server)["http.response.status_code"] == 200
    assert server.status.code == Status.STATUS_CODE_UNSET
    assert (attempt.kind, attempt.parent_span_id) == (Span.SPAN_KIND_CLIENT, server.span_id)
    assert attempt.status.code == Status.STATUS_CODE_ERROR
    assert attributes(attempt)["error.type"] == "503"
    assert (exported(metrics), dropped(metrics, "failed")) == (2, 0)


def test_the_resource_tells_replica_and_region_and_headers_go_along() -> None:
    with scripted(200) as at:
        made = exporter(at.url + "/otel/", Metrics(), headers={"x-key": "k"}, service_name="edge")
        made.start()
        made.spans.offer(RECORD)
        assert made.close(ENOUGH_S)
        path, headers, _ = at.requests[0]
        resource = at.resource()
    assert path == "/otel/v1/traces"
    assert headers["x-key"] == "k"
    assert headers["Content-Type" if "Content-Type" in headers else "content-type"] == (
        "application/x-protobuf"
    )
    assert resource["service.name"] == "edge"
    assert (resource["sluicegate.region"], resource["sluicegate.zone"]) == ("eu", "eu-1")
    assert len(resource["service.instance.id"]) == 36


def test_spans_are_sent_without_anybody_asking() -> None:
    metrics = Metrics()
    with scripted(200) as at:
        made = exporter(at.url, metrics)
        made.start()
        made.start()
        made.spans.offer(RECORD)
        eventually(lambda: exported(metrics) == 2, "the spans are exported")
        assert made.close(ENOUGH_S)


def test_what_waits_is_sent_in_batches() -> None:
    metrics = Metrics()
    with scripted(200) as at:
        made = exporter(at.url, metrics)
        for _ in range(BATCH + 1):
            made.spans.offer(RECORD)
        made.start()
        assert made.close(ENOUGH_S)
        assert len(at.requests) == 2
    assert exported(metrics) == 2 * (BATCH + 1)


@pytest.mark.parametrize("status", [401, 503])
def test_what_a_collector_refuses_is_dropped_and_logged_once_a_minute(status: int) -> None:
    metrics, clock = Metrics(), MockClock()
    with scripted(status) as at, structlog.testing.capture_logs() as logs:
        made = exporter(at.url, metrics, clock, timeout=SOON)
        made.start()
        for count in (1, 2):
            offer(made)
            eventually(lambda n=count: dropped(metrics, "failed") == 2 * n, "the loss is counted")
        assert [line["event"] for line in logs] == ["spans not exported"]
        assert logs[0]["lost"] == 2
        assert "Failed to export" in logs[0]["reason"]
        clock.advance(QUIET_S)
        made.spans.offer(RECORD)
        assert made.close(ENOUGH_S)
    assert [line["lost"] for line in logs] == [2, 4]
    assert exported(metrics) == 0


class Everything(logging.Handler):
    """What reaches the root of the standard library's loggers, where ours is written."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def root() -> Iterator[Everything]:
    handler = Everything()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_a_collector_that_is_away_costs_the_spans_and_nothing_else(root: Everything) -> None:
    metrics = Metrics()
    with structlog.testing.capture_logs() as logs:
        made = exporter(f"http://127.0.0.1:{free_port()}", metrics, timeout=SOON)
        made.start()
        made.spans.offer(RECORD)
        assert made.close(ENOUGH_S)
    assert dropped(metrics, "failed") == 2
    assert len(logs) == 1
    assert not root.records, "the SDK speaks for itself"


def test_a_collector_that_comes_back_gets_what_is_new() -> None:
    metrics = Metrics()
    with scripted(400, 200) as at, structlog.testing.capture_logs():
        made = exporter(at.url, metrics)
        made.start()
        offer(made)
        eventually(lambda: dropped(metrics, "failed") == 2, "the loss is counted")
        made.spans.offer(RECORD)
        assert made.close(ENOUGH_S)
    assert exported(metrics) == 2


def test_closing_waits_no_longer_than_told_and_counts_what_is_left() -> None:
    metrics = Metrics()
    with scripted(200) as at, structlog.testing.capture_logs():
        at.gate.clear()
        made = exporter(at.url, metrics, timeout="20s")
        made.start()
        offer(made)
        eventually(lambda: at.requests, "the collector has a batch")
        made.spans.offer(RECORD)
        assert not made.close(0.01)
        assert dropped(metrics, "shutdown") == 2
        at.gate.set()
        thread = made._thread
        assert thread is not None
        thread.join(10)
        assert not thread.is_alive()


def test_closing_again_does_not_wait_again_for_a_collector_that_hangs() -> None:
    with scripted(200) as at, structlog.testing.capture_logs():
        at.gate.clear()
        made = exporter(at.url, Metrics(), timeout="10s")
        made.start()
        offer(made)
        eventually(lambda: at.requests, "the collector has a batch")
        assert not made.close(0.01)
        assert not made.close(ENOUGH_S), "it has waited until the thread was done"


def test_closing_what_was_never_started_is_harmless() -> None:
    metrics = Metrics()
    made = exporter("http://127.0.0.1:1", metrics)
    made.spans.offer(RECORD)
    assert made.close()
    assert dropped(metrics, "shutdown") == 2


def test_the_sdk_is_loaded_by_the_thread_and_not_before() -> None:
    program = (
        "import sys\n"
        "import sluicegate.assemble, sluicegate.telemetry.export\n"
        "import sluicegate.journey.record.traces\n"
        "assert not any(name.startswith('opentelemetry') for name in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], check=False)
    assert done.returncode == 0


def test_a_batch_that_cannot_be_encoded_is_not_the_last_one() -> None:
    metrics = Metrics()
    with scripted(200) as at, structlog.testing.capture_logs() as logs:
        made = exporter(at.url, metrics)
        made.start()
        offer(made, RECORD._replace(trace_id="what?"))
        eventually(lambda: dropped(metrics, "failed") == 2, "the loss is counted")
        made.spans.offer(RECORD)
        assert made.close(ENOUGH_S)
    assert logs[0]["reason"] == "ValueError"
    assert exported(metrics) == 2


def test_without_an_endpoint_there_is_no_exporter() -> None:
    with pytest.raises(ValueError, match="endpoint"):
        Exporter(Tracing(), Region(), Metrics(), MockClock())
