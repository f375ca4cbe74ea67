from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from sluicegate.errors import CLIENT_GONE, UNAUTHENTICATED, UPSTREAM_FAILED, Refused
from sluicegate.exchange import Exchange, Response
from sluicegate.headers import Headers
from sluicegate.journey.record.tracer import Tracer
from sluicegate.metrics import Metrics
from sluicegate.telemetry.spans import Record, SpanQueue
from sluicegate.telemetry.trace import parse
from support.exchanges import exchange, run, target
from support.mock_clock import EPOCH_US, MockClock

LOW, HIGH = "4bf92f3577b34da60000000000000001", "4bf92f3577b34da6ffffffffffffffff"
"""Trace ids that every share samples, and that none below 1 does."""
SPAN = "00f067aa0ba902b7"


def asked(
    trace: str = LOW, flags: str = "00", *, own: bool = False, trusted: bool = False, **more: Any
) -> Exchange:
    """Return an exchange with a traceparent, which the gateway has made if it is its `own`."""
    made = exchange(**more)
    made.request.own_trace = own
    made.request.headers += [
        (b"traceparent", f"00-{trace}-{SPAN}-{flags}".encode()),
        (b"x-forwarded-for", b"192.0.2.7"),
    ]
    made.client.trusted = trusted
    return made


@pytest.fixture
def spans() -> SpanQueue:
    return SpanQueue(100, 100, threading.Event(), Metrics())


def tracer(spans: SpanQueue, share: float, *, trust: bool = True, draw: float = 0.5) -> Tracer:
    return Tracer(spans, share, lambda: draw, trust=trust)


def recorded(spans: SpanQueue) -> Record:
    (record,) = spans.take(10)
    return record


def told(made: Exchange) -> bytes:
    """Return the one traceparent that goes on to the target."""
    (value,) = made.request.headers.get_all(b"traceparent")
    return value


# --- who decides --------------------------------------------------------------------------------


def test_of_traces_made_here_the_id_decides(spans: SpanQueue) -> None:
    policy = tracer(spans, 0.01, draw=0.99)
    run(policy, asked(LOW, own=True))
    run(tracer(spans, 0.01, draw=0.0), asked(HIGH, own=True))
    assert recorded(spans).trace_id == LOW


def test_the_id_that_was_made_for_the_parent_is_the_exchanges_own(spans: SpanQueue) -> None:
    made = asked(LOW, own=True)
    run(tracer(spans, 1), made)
    record = recorded(spans)
    assert (record.span_id, record.parent_id) == (SPAN, None)
    assert told(made) == f"00-{LOW}-{SPAN}-01".encode()


@pytest.mark.parametrize("trusted", [True, False])
def test_share_1_traces_all_that_is_not_decided_elsewhere_and_share_0_nothing(
    spans: SpanQueue, *, trusted: bool
) -> None:
    for trace in (LOW, HIGH):
        run(tracer(spans, 1), asked(trace, own=True, trusted=trusted))
        run(tracer(spans, 1, draw=0.999999), asked(trace, "00"))
        run(tracer(spans, 0, draw=0.0), asked(trace, own=True, trusted=trusted))
        run(tracer(spans, 0, draw=0.0), asked(trace, "01"))
    assert len(spans) == 4


def test_a_trusted_proxys_decision_is_followed_both_ways(spans: SpanQueue) -> None:
    run(tracer(spans, 0), asked(HIGH, "01", trusted=True))
    record = recorded(spans)
    assert (record.trace_id, record.parent_id) == (HIGH, SPAN)
    assert record.span_id != SPAN
    run(tracer(spans, 1), asked(LOW, "00", trusted=True))
    assert not len(spans)


def test_a_stranger_forces_nothing_by_flag_or_by_choice_of_id(spans: SpanQueue) -> None:
    for flags in ("00", "01"):
        run(tracer(spans, 0.1, draw=0.2), asked(LOW, flags))
        run(tracer(spans, 0.1, draw=0.2, trust=False), asked(LOW, flags, trusted=True))
    assert not len(spans)


def test_a_strangers_trace_is_sampled_as_often_as_any_other_and_carried_on(
    spans: SpanQueue,
) -> None:
    run(tracer(spans, 0.1, draw=0.05), asked(HIGH, "00"))
    record = recorded(spans)
    assert (record.trace_id, record.parent_id) == (HIGH, SPAN)


def test_where_nobody_is_trusted_a_proxys_flag_is_as_good_as_a_strangers(
    spans: SpanQueue,
) -> None:
    run(tracer(spans, 0.1, trust=False, draw=0.05), asked(HIGH, "00", trusted=True))
    assert len(spans) == 1


# --- what targets are told ----------------------------------------------------------------------


def test_what_is_not_sampled_goes_on_untouched(spans: SpanQueue) -> None:
    made = asked(HIGH, "00", headers={"tracestate": "a=1"})
    before = list(made.request.headers)
    run(tracer(spans, 0.1), made)
    assert made.request.headers == before
    assert made.trace is None


def test_a_flag_that_does_not_count_is_taken_back(spans: SpanQueue) -> None:
    made = asked(LOW, "01", headers={"tracestate": "a=1"})
    run(tracer(spans, 0.1), made)
    parent = parse(told(made))
    assert parent is not None
    assert (parent.trace_id, parent.sampled) == (LOW, False)
    assert parent.span_id != SPAN, "flags may only change together with the parent"
    assert made.request.headers.get(b"tracestate") == b"a=1"


def test_sampled_requests_say_so_and_keep_their_tracestate(spans: SpanQueue) -> None:
    made = asked(LOW, "00", headers=[("tracestate", "a=1,b=2"), ("tracestate", "c=3")])
    run(tracer(spans, 1), made)
    assert told(made) == f"00-{LOW}-{recorded(spans).span_id}-01".encode()
    assert made.request.headers.get_all(b"tracestate") == [b"a=1,b=2", b"c=3"]


def test_a_traceparent_that_nobody_can_read_begins_a_new_trace(spans: SpanQueue) -> None:
    made = asked("0" * 32, "01", headers={"tracestate": "a=1"})
    run(tracer(spans, 1), made)
    record = recorded(spans)
    assert record.parent_id is None
    assert int(record.trace_id, 16)
    assert made.request.headers.get(b"tracestate") is None
    made = asked("0" * 32, "01")
    run(tracer(spans, 0), made)
    assert parse(told(made)) is not None


# --- what is recorded ---------------------------------------------------------------------------


def test_a_record_holds_the_request_as_it_came_and_the_response(spans: SpanQueue) -> None:
    clock = MockClock()
    made = asked(
        own=True,
        method="PUT",
        path="/users/7",
        query="secret=1",
        headers={"user-agent": "curl/8", "authorization": "Bearer secret"},
        route="users",
        match="/users/{id}",
        clock=clock,
    )
    made.consumer_name = "bob"
    clock.advance(0.000_001)

    async def rewritten(each: Exchange) -> None:
        each.request.path = "/internal"
        each.request.headers.remove(b"user-agent")
        clock.advance(0.25)
        clock.set_wall_us(0)
        await target(201)(each)

    run(tracer(spans, 1), made, rewritten)
    record = recorded(spans)
    assert "secret" not in repr(record)
    assert record._replace(trace_id="", span_id="") == Record(
        trace_id="",
        span_id="",
        parent_id=None,
        start_us=EPOCH_US,
        end_us=EPOCH_US + 250_001,
        method="PUT",
        path="/users/7",
        scheme="http",
        authority="api.example.com",
        client="192.0.2.7",
        user_agent="curl/8",
        request_id="request-1",
        route="users",
        template="/users/{id}",
        consumer="bob",
        status=201,
        error=None,
        attempts=(),
    )


def test_attempts_are_recorded_as_they_ended(spans: SpanQueue) -> None:
    async def tried(each: Exchange) -> None:
        assert each.trace is not None
        each.trace.attempt("users", "a:1", 1, 10).end(20, 0, "connect_failed")
        each.trace.attempt("users", "b:1", 2, 20)
        await target(200)(each)

    run(tracer(spans, 1), asked(own=True), tried)
    first, second = recorded(spans).attempts
    assert (first.target, first.number, first.end_us, first.error) == (
        "a:1",
        1,
        20,
        "connect_failed",
    )
    assert (second.start_us, second.end_us, second.status) == (20, 0, 0)


def test_what_no_route_took_is_recorded_without_one(spans: SpanQueue) -> None:
    run(tracer(spans, 1), asked(own=True, route=None))
    record = recorded(spans)
    assert (record.route, record.template) == (None, None)


def answers(status: int) -> Any:
    return target(status)


def refuses(error: Refused) -> Any:
    async def answer(each: Exchange) -> None:
        each.refuse(error.problem)

    return answer


async def breaks_off(each: Exchange) -> None:
    each.head(Response(200, Headers(), 10), None)
    each.problem = UPSTREAM_FAILED
    each.cut()


@pytest.mark.parametrize(
    ("onward", "status", "error"),
    [
        (answers(404), 404, None),
        (answers(500), 500, "500"),
        (refuses(Refused(UNAUTHENTICATED)), 401, None),
        (refuses(Refused(UPSTREAM_FAILED)), 502, "upstream-failed"),
        (breaks_off, 200, "upstream-failed"),
    ],
)
def test_errors_have_a_bounded_set_of_names(
    spans: SpanQueue, onward: Any, status: int, error: str | None
) -> None:
    run(tracer(spans, 1), asked(own=True), onward)
    record = recorded(spans)
    assert (record.status, record.error) == (status, error)


def test_a_client_that_went_away_is_recorded_too(spans: SpanQueue) -> None:
    made = asked(own=True)

    async def gone(each: Exchange) -> None:
        each.problem = CLIENT_GONE
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(tracer(spans, 1), made, gone)
    record = recorded(spans)
    assert (record.status, record.error) == (0, "client-gone")
