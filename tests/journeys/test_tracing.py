"""Traces, from a request to a real collector: what spans say, and what targets are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from support.collector import Collector, attributes, collector
from support.gateway import Gateway, gateway
from support.loops import in_thread
from support.ports import eventually, free_port
from support.raw_http import get
from support.upstreams import Script, Upstream, answering, reset, response

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT


def configuration(endpoint: str, urls: list[str], timeout: str = "10s", **more: Any) -> str:
    """Write a gateway that traces everything that is not decided elsewhere."""
    return json.dumps(
        {
            "tracing": {"endpoint": endpoint, "timeout": timeout, "service_name": "edge"},
            "services": {"users": {"targets": urls, "balance": "weighted_round_robin"}},
            "routes": {"users": {"match": {"path": "/users/{id}"}, "service": "users"}},
            "policies": [{"metrics": {}}, {"access_log": {}}, {"traces": {"sample": 1}}],
            **more,
        }
    )


@contextmanager
def traced(
    folder: Path, at: Collector, *scripts: Script, **more: Any
) -> Iterator[tuple[Gateway, list[Upstream]]]:
    """Run a gateway that tells `at` about its calls to upstreams that follow `scripts`."""
    upstreams = [Upstream(script) for script in scripts]
    with ExitStack() as opened:
        for upstream in upstreams:
            opened.enter_context(in_thread(upstream))
        text = configuration(at.url, [each.url for each in upstreams], **more)
        yield opened.enter_context(gateway(folder, text)), upstreams


def by_kind(spans: list[Span], kind: int) -> list[Span]:
    """Return the spans of a kind, the earliest first."""
    return sorted((s for s in spans if s.kind == kind), key=lambda s: s.start_time_unix_nano)


def test_a_request_becomes_a_span_and_each_attempt_one_below_it(tmp_path: Path) -> None:
    with collector() as at, traced(tmp_path, at, answering(response(body=b"hi"))) as (running, ups):
        answer = get(running.port, "/users/7?key=s3cret", "User-Agent: probe/1")
        assert answer.status == 200
        (received,) = ups[0].requests
        running.stop()  # what waits is sent before the end
        spans = at.wait(2)
        log = running.access_log()[0]
    (server,), (client,) = by_kind(spans, SERVER), by_kind(spans, CLIENT)
    assert server.name == "GET /users/{id}"
    assert not server.parent_span_id
    assert client.parent_span_id == server.span_id
    assert client.trace_id == server.trace_id
    assert log["trace_id"] == server.trace_id.hex()
    assert received.all(b"traceparent") == [
        f"00-{server.trace_id.hex()}-{client.span_id.hex()}-01".encode()
    ]
    said = attributes(server)
    assert said["url.path"] == "/users/7"
    assert said["http.response.status_code"] == 200
    assert said["user_agent.original"] == "probe/1"
    assert said["sluicegate.request_id"] == log["request_id"] == server.trace_id.hex()
    assert (said["client.address"], said["server.address"]) == ("127.0.0.1", "test.example")
    assert attributes(client)["server.port"] == ups[0].port
    assert server.start_time_unix_nano <= client.start_time_unix_nano
    assert client.end_time_unix_nano <= server.end_time_unix_nano
    assert "s3cret" not in str(spans)


def test_a_retry_is_an_attempt_of_its_own(tmp_path: Path) -> None:
    good = answering(response(body=b"hi"))
    with collector() as at, traced(tmp_path, at, reset, good) as (running, _):
        # In turn, so that the one that resets is met whichever comes first.
        answers = [get(running.port, "/users/7").status for _ in range(4)]
        running.stop()
        spans = at.wait(8)
    assert answers == [200] * 4
    failed = [span for span in by_kind(spans, CLIENT) if span.status.code]
    assert failed
    for first in failed:
        assert attributes(first)["error.type"] == "reset"
        assert "http.response.status_code" not in attributes(first)
        second = next(
            span
            for span in by_kind(spans, CLIENT)
            if span.parent_span_id == first.parent_span_id and span is not first
        )
        assert attributes(second)["http.request.resend_count"] == 1
        assert second.status.code == Status.STATUS_CODE_UNSET
    assert {span.status.code for span in by_kind(spans, SERVER)} == {Status.STATUS_CODE_UNSET}


@pytest.mark.parametrize("trusted", [True, False])
def test_only_trusted_proxies_decide_what_is_sampled(tmp_path: Path, *, trusted: bool) -> None:
    settings = {"trusted_proxies": ["127.0.0.1"] if trusted else []}
    policies = [{"traces": {"sample": 0}}]
    upstream = answering(response())
    with (
        collector() as at,
        traced(tmp_path, at, upstream, gateway=settings, policies=policies) as (running, ups),
    ):
        get(running.port, "/users/7", f"traceparent: 00-{TRACE}-{PARENT}-01", "tracestate: a=1")
        told = ups[0].requests[0]
        running.stop()
        if trusted:
            (server,) = by_kind(at.wait(2), SERVER)
            assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
    flags = b"01" if trusted else b"00"
    (traceparent,) = told.all(b"traceparent")
    assert traceparent.startswith(f"00-{TRACE}-".encode())
    assert traceparent.endswith(b"-" + flags)
    assert PARENT.encode() not in traceparent
    assert told.all(b"tracestate") == [b"a=1"]
    assert trusted or not at.spans


def test_all_workers_send_their_spans(tmp_path: Path) -> None:
    two = {"workers": 2}
    with (
        collector() as at,
        traced(tmp_path, at, answering(response()), gateway=two) as (running, _),
    ):
        for _ in range(20):
            assert get(running.port, "/users/7").status == 200
        at.wait(40)
        eventually(
            lambda: running.metrics()["sluicegate_spans_exported_total"] == 40,
            "the spans are counted",
        )


def test_a_collector_that_is_away_is_noticed_by_nobody_but_the_log(tmp_path: Path) -> None:
    upstream = Upstream(answering(response()))
    lost = 'sluicegate_spans_dropped_total{reason="failed"}'
    nowhere = f"http://127.0.0.1:{free_port()}"
    with ExitStack() as opened:
        opened.enter_context(in_thread(upstream))
        text = configuration(nowhere, [upstream.url], timeout="500ms")
        running = opened.enter_context(gateway(tmp_path, text))
        for _ in range(3):
            assert get(running.port, "/users/7").status == 200
        eventually(lambda: running.metrics().get(lost) == 6, "the spans are given up")
        assert get(running.port, "/users/7").status == 200
        running.stop()
        events = [line["event"] for line in running.logs()]
    assert events.count("spans not exported") == 1
    assert not [line for line in running.logs() if line.get("logger", "").startswith("open")]
