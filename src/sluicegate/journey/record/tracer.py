"""Decides which exchanges are traced, and records those; the running part of `traces`.

Who decides (W3C Trace Context, "Security considerations": a caller may set flags maliciously):

    made here: no traceparent came     the trace id, so that all replicas find the same
    from a proxy that is trusted       the proxy: its flag is followed (`parent: trust`)
    from anybody else                  a draw: neither flag nor id of a stranger's choice counts

Whatever is decided, targets are told: the flag of a request that is not sampled is taken back.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from sluicegate.errors import CLIENT_GONE, SERVER_ERROR
from sluicegate.telemetry.spans import AttemptRecord, Record
from sluicegate.telemetry.trace import (
    Trace,
    bound_of,
    is_flagged,
    new_span_id,
    new_trace_id,
    parse,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward
    from sluicegate.telemetry.spans import SpanQueue

LONGEST_AGENT: Final = 256


class Tracer:
    """Traces a share of all exchanges.

    `draw` returns a random number from 0 up to 1; `trust` follows what trusted proxies decided.
    """

    __slots__ = ("_bound", "_draw", "_share", "_spans", "_trust")

    def __init__(
        self, spans: SpanQueue, share: float, draw: Callable[[], float], *, trust: bool
    ) -> None:
        """Take `share` from 0 to 1."""
        self._spans = spans
        self._share = share
        self._bound = bound_of(share)
        self._draw = draw
        self._trust = trust

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Record what is sampled. The rest goes on as if nobody had looked, at next to no price."""
        request = exchange.request
        value = b""
        for pair in reversed(request.headers):  # it stands near the end
            if pair[0] == b"traceparent":
                value = pair[1]
                break
        if request.own_trace:
            if value[19:35] >= self._bound:  # the lower 64 bits of the trace id
                return onward(exchange)
            return self._root(exchange, onward, value)
        if self._trust and exchange.client.trusted:
            sampled = is_flagged(value)
        else:
            sampled = self._draw() < self._share
        if sampled:
            return self._child(exchange, onward, value)
        if is_flagged(value):
            self._take_back(exchange, value)
        return onward(exchange)

    def _root(self, exchange: Exchange, onward: Onward, value: bytes) -> Awaitable[None]:
        """Trace from here on. The id that was made for the parent becomes the exchange's own."""
        digits = value.decode("ascii")
        return self._record(exchange, onward, Trace(digits[3:35], digits[36:52], None))

    def _child(self, exchange: Exchange, onward: Onward, value: bytes) -> Awaitable[None]:
        parent = parse(value)
        if parent is None:
            exchange.request.headers.remove(b"tracestate")  # it speaks of a trace that nobody knows
            return self._record(exchange, onward, Trace(new_trace_id(), new_span_id(), None))
        trace = Trace(parent.trace_id, new_span_id(), parent.span_id)
        return self._record(exchange, onward, trace)

    def _take_back(self, exchange: Exchange, value: bytes) -> None:
        """Tell targets that it is not sampled. Flags may only change together with the parent."""
        parent = parse(value)
        trace_id = new_trace_id() if parent is None else parent.trace_id
        told = written(trace_id, new_span_id(), sampled=False)
        exchange.request.headers.set(b"traceparent", told)

    async def _record(self, exchange: Exchange, onward: Onward, trace: Trace) -> None:
        """Let attempts be traced, and hand everything over at the end, whatever came of it."""
        request = exchange.request
        # As they came: policies may rewrite them.
        method, path, authority = request.method, request.path, request.authority
        agent = request.headers.get(b"user-agent")
        request.headers.set(b"traceparent", trace.traceparent())
        exchange.trace = trace
        clock = exchange.clock
        start_us = clock.wall_us() - round((clock.monotonic() - exchange.started_at) * 1e6)
        try:
            await onward(exchange)
        finally:
            response, route = exchange.response, exchange.route
            status = 0 if response is None else response.status
            record = Record(
                trace.trace_id,
                trace.span_id,
                trace.parent_id,
                start_us,
                # By the clock that is never set back.
                start_us + round((clock.monotonic() - exchange.started_at) * 1e6),
                method,
                path,
                request.scheme,
                authority.decode("latin-1"),
                request.client_ip,
                None if agent is None else agent[:LONGEST_AGENT].decode("latin-1"),
                request.request_id,
                None if route is None else route.name,
                None if route is None else route.config.match.path,
                exchange.consumer_name,
                status,
                _error(exchange, status),
                tuple(
                    AttemptRecord(
                        span.span_id,
                        span.service,
                        span.target,
                        span.number,
                        span.start_us,
                        span.end_us,
                        span.status,
                        span.error,
                        span.model,
                    )
                    for span in trace.attempts
                ),
            )
            self._spans.offer(record)


def _error(exchange: Exchange, status: int) -> str | None:
    """Name what went wrong, by the problem's slug where there is one: a bounded set of words."""
    problem = exchange.problem
    if problem is not None and (problem.status >= SERVER_ERROR or problem is CLIENT_GONE):
        return problem.slug
    if status == 0:
        return exchange.outcome or CLIENT_GONE.slug
    return str(status) if status >= SERVER_ERROR else exchange.outcome
