"""Puts the lines of the access log together; the running part of `access_log`.

Whatever was not written here is JSON of msgspec's encoder. What recurs (where an exchange went, who
called, what came of it) is encoded once and remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

import msgspec

from sluicegate.errors import CLIENT_GONE

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.exchange import Exchange
    from sluicegate.llm.call import ModelCall
    from sluicegate.policy import Onward

REDACTED: Final = b"***"
LONGEST_AGENT: Final = 256
MOST_FRAGMENTS: Final = 4096
"""Remembered at a time, of each sort; past it the memory starts anew."""

Values = tuple[object, ...]
PLACE: Values = ("route", "service", "target")
CALLER: Values = ("consumer", "key_id", "plan")
RESULT: Values = ("status", "problem", "outcome", "attempts")
CALL: Values = ("model", "deployment", "stream")


class LineLog:
    """Writes one line when an exchange is over.

    `redact` holds names of query parameters in lower case; None leaves the query out.
    """

    __slots__ = ("_callers", "_calls", "_clock", "_encode", "_places", "_redact", "_results",
                 "_second", "_stamp", "_write")  # fmt: skip

    def __init__(
        self, clock: Clock, write: Callable[[bytes], None], redact: frozenset[bytes] | None
    ) -> None:
        """Start with nothing remembered."""
        self._clock = clock
        self._write = write
        self._redact = redact
        self._encode: Callable[[object], bytes] = msgspec.json.Encoder().encode
        self._places: dict[Values, bytes] = {}
        self._callers: dict[Values, bytes] = {}
        self._calls: dict[Values, bytes] = {}
        self._results: dict[Values, bytes] = {}
        self._second = 0
        self._stamp = ""

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Remember what a rewrite may change, and write on the way out."""
        request = exchange.request
        path, query = request.path, request.query
        try:
            await onward(exchange)
        finally:
            self._write(self._line(exchange, path, query))

    def _line(self, exchange: Exchange, path: str, query: bytes | None) -> bytes:
        """Put the line together. Flat on purpose: every request pays for each call made here."""
        encode = self._encode
        request = exchange.request
        body, route = request.body, exchange.route
        response, problem = exchange.response, exchange.problem
        trace_id = agent = b"null"
        for name, value in request.headers:
            if name == b"traceparent":
                trace_id = encode(value[3:35].decode("latin-1"))
            elif name == b"user-agent":
                agent = encode(value[:LONGEST_AGENT].decode("latin-1"))
        started, first_byte = exchange.started_at, exchange.first_byte_at
        spent = self._clock.monotonic() - started
        status = CLIENT_GONE.status if response is None else response.status
        place = (None if route is None else route.name, exchange.service, exchange.target)
        caller = (exchange.consumer_name, exchange.key_id, exchange.plan)
        slug = None if problem is None else problem.slug
        result = (status, slug, exchange.outcome, exchange.attempts)
        pieces = (
            self._time(),
            encode(request.request_id),
            b',"trace_id":',
            trace_id,
            b',"client_ip":',
            encode(request.client_ip),
            b',"method":',
            encode(request.method),
            b',"host":',
            encode(request.host),
            b',"path":',
            encode(path),
            b',"query":',
            b"null" if query is None or self._redact is None else encode(self._redacted(query)),
            self._places.get(place) or self._remember(self._places, PLACE, place),
            self._callers.get(caller) or self._remember(self._callers, CALLER, caller),
            self._results.get(result) or self._remember(self._results, RESULT, result),
            b',"bytes_in":',
            encode(exchange.bytes_in if body is None else body.received),
            b',"bytes_out":',
            encode(exchange.bytes_out),
            b',"duration_ms":',
            encode(round(spent * 1e6) / 1e3),
            b',"upstream_ms":',
            encode(round((first_byte - started) * 1e6) / 1e3) if first_byte else b"null",
            b',"user_agent":',
            agent,
            b"}\n" if exchange.call is None else self._call(exchange, exchange.call),
        )
        return b"".join(pieces)

    def _call(self, exchange: Exchange, call: ModelCall) -> bytes:
        """Return the last fields of a call of a model, and the end of the line."""
        usage, first = call.usage, call.first_token_at
        encode = self._encode
        said = (call.asked, call.deployment, call.stream)
        tokens = b',"input_tokens":null,"cached_tokens":null,"output_tokens":null,"failure":'
        if usage is not None:
            tokens = b',"input_tokens":%d,"cached_tokens":%d,"output_tokens":%d,"failure":' % (
                usage.input, usage.cached, usage.output,
            )  # fmt: skip
        pieces = (
            self._calls.get(said) or self._remember(self._calls, CALL, said),
            b',"first_token_ms":',
            encode(round((first - exchange.started_at) * 1e6) / 1e3) if first else b"null",
            tokens,
            b"null" if call.failure is None else encode(call.failure.kind),
            b"}\n",
        )
        return b"".join(pieces)

    def _time(self) -> bytes:
        """Begin a line, up to the value of the request's id."""
        now_us = self._clock.wall_us()
        second = now_us // 1_000_000
        if second != self._second or not self._stamp:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        # The digits of a million and more, without the first: zeros in front at no price.
        micro = str(now_us - second * 1_000_000 + 1_000_000)[1:]
        return f'{{"time":"{self._stamp}{micro}Z","request_id":'.encode()

    def _remember(self, known: dict[Values, bytes], names: Values, values: Values) -> bytes:
        """Encode fields that follow others, and keep them for the next line that has the same."""
        # A comma, and the object without its braces.
        fragment = b"," + self._encode(dict(zip(names, values, strict=True)))[1:-1]
        if len(known) >= MOST_FRAGMENTS:
            known.clear()
        known[values] = fragment
        return fragment

    def _redacted(self, query: bytes) -> str:
        parts = []
        for part in query.split(b"&"):
            name, equals, _ = part.partition(b"=")
            secret = unquote_to_bytes(name.replace(b"+", b" ")).lower() in (self._redact or ())
            parts.append(name + equals + REDACTED if secret and equals else part)
        return b"&".join(parts).decode("latin-1")
