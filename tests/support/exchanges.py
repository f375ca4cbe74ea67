"""Exchanges for tests of policies: no sockets, a sink that keeps what the client would get.

asked = exchange("GET", "/a", headers={"x-api-key": "k"})
run(policy, asked, target(200, {"x-a": "1"}, b"body"))
asked.sink.status, asked.sink.headers, asked.sink.body
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

from sluicegate.clock import Clock
from sluicegate.errors import answer_for
from sluicegate.exchange import Client, Exchange, Request, Response
from sluicegate.headers import Headers
from sluicegate.journey.limit.away import Away
from sluicegate.journey.limit.forecast import Forecast
from sluicegate.journey.record.books import Books
from sluicegate.llm.tokens import Estimator
from sluicegate.metrics import Metrics
from sluicegate.policy import Parts
from sluicegate.snapshot.keys import KeyDirectory, KeyRecord, digest
from sluicegate.state.contract import Crew, LimitState
from sluicegate.state.live import LiveView
from sluicegate.state.memory import MemoryState
from sluicegate.wire.body import RequestBody
from support.mock_clock import MockClock

TURNS = 4
PEPPER = b"p" * 32
Pairs = Mapping[str, str] | Sequence[tuple[str, str]]
Onward = Callable[[Exchange], Awaitable[None]]


class ClientSide:
    """The sink: what has been sent to the client."""

    def __init__(self) -> None:
        self.status = 0
        self.headers = Headers()
        self.length: int | None = None
        self.body = b""
        self.ended = False
        self.was_cut = False

    def send_head(self, exchange: Exchange) -> None:
        assert exchange.response is not None
        self.status = exchange.response.status
        self.headers = Headers(exchange.response.headers)
        self.length = exchange.response.length

    def send_body(self, data: bytes) -> None:
        self.body += data

    def send_end(self, trailers: Headers | None) -> None:  # noqa: ARG002 - the sink's signature
        self.ended = True

    def send_informational(self, status: int, headers: Headers) -> None:
        """1xx responses are not looked at here."""

    def finished(self, exchange: Exchange) -> None:
        """The record is written."""

    def cut(self) -> None:
        self.was_cut = True

    def header(self, name: str) -> str | None:
        """Return all values of a header as one, or None."""
        values = self.headers.get_all(name.encode())
        return b", ".join(values).decode("latin-1") if values else None

    def problem(self) -> dict[str, Any]:
        """Return the problem document that was sent."""
        assert self.header("content-type") == "application/problem+json"
        return cast("dict[str, Any]", json.loads(self.body))


class BodySide:
    """A connection that has no reason to wait."""

    def pause_body(self) -> None:
        """Nothing is read here."""

    def resume_body(self) -> None:
        """Nothing is read here."""

    def send_continue(self) -> None:
        """Nobody waits."""


def body(data: bytes = b"", length: int | None = None, limit: int = 0) -> RequestBody:
    """Return a request body of which `data` has arrived."""
    made = RequestBody(BodySide(), length, limit, expects_continue=False)
    if data:
        made.feed(data)
    return made


def pairs(headers: Pairs) -> list[tuple[bytes, bytes]]:
    """Return headers as the wire gives them."""
    items = headers.items() if isinstance(headers, Mapping) else headers
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in items]


def exchange(
    method: str = "GET",
    path: str = "/",
    *,
    query: str | None = None,
    headers: Pairs = (),
    client_ip: str = "192.0.2.7",
    host: str = "api.example.com",
    scheme: str = "http",
    request_body: RequestBody | None = None,
    route: str | None = "things",
    match: str = "/**",
    keys: Mapping[bytes, KeyRecord] | None = None,
    clock: Clock | None = None,
) -> Exchange:
    """Return an exchange whose request head has been read and whose route is known."""
    asked = Request()
    asked.method, asked.path, asked.host, asked.scheme = method, path, host, scheme
    asked.query = None if query is None else query.encode("latin-1")
    asked.target = path.encode() + (b"" if query is None else b"?" + (asked.query or b""))
    asked.authority = host.encode()
    asked.version = "1.1"
    asked.headers = Headers(pairs(headers))
    asked.body = request_body
    asked.upgrade = None
    asked.own_trace = False
    asked.client_ip, asked.request_id = client_ip, "request-1"
    snapshot = SimpleNamespace(keys=directory(keys or {}))
    client = Client(client_ip, 40000, scheme, 8080)
    made = Exchange(asked, client, ClientSide(), cast("Any", snapshot), clock or MockClock())
    if route is not None:
        config = SimpleNamespace(match=SimpleNamespace(path=match))
        made.route = cast("Any", SimpleNamespace(name=route, config=config))
    return made


def directory(keys: Mapping[bytes, KeyRecord]) -> KeyDirectory:
    """Return a configuration's keys, which are all under the pepper `p`."""
    return KeyDirectory([("p", PEPPER, {digest(PEPPER, raw): kept for raw, kept in keys.items()})])


def sink(made: Exchange) -> ClientSide:
    """Return what the client of an exchange has got."""
    return cast("ClientSide", made.sink)


def target(status: int = 200, headers: Pairs = (), data: bytes = b"") -> Onward:
    """Return an `onward` in which a service answers."""

    async def answer(asked: Exchange) -> None:
        asked.head(Response(status, Headers(pairs(headers)), len(data)), None)
        if data:
            asked.chunk(data)
        asked.end(None)
        await asked.finish_whole()

    return answer


def run(policy: Any, asked: Exchange, onward: Onward | None = None) -> ClientSide:
    """Send an exchange through one policy; errors become answers as they do in the journey."""

    async def work() -> None:
        try:
            await policy.handle(asked, onward or target())
        except Exception as error:
            refused = answer_for(error)
            if refused is not error:
                raise
            asked.refuse(refused.problem, refused.detail, refused.headers)
        for _ in range(TURNS):  # for what is settled beside the exchange
            await asyncio.sleep(0)

    asyncio.run(work())
    return sink(asked)


def parts(
    clock: Clock, scope: str = "route:things", state: LimitState | None = None, workers: int = 1
) -> Parts:
    """Return parts with metrics of their own, and a state of their own unless one is given."""
    metrics = Metrics()
    local = MemoryState(clock, metrics)
    used = local if state is None else state
    away = Away(local, LiveView(used, clock, metrics, "worker", Crew(workers, 0)))
    numbers = count(1)

    def ticket() -> str:
        return f"ticket-{next(numbers)}"

    return Parts(
        clock=clock,
        metrics=metrics,
        state=used,
        away=away,
        ticket=ticket,
        forecast=Forecast(Estimator()),
        books=Books(used, clock, metrics, ticket, "local", None),
        write_log=lambda _: None,
        scope=scope,
    )


def counted(made: Parts, family: str, *labels: str) -> float:
    """Return the number of one series."""
    return made.metrics.families[family].cell(*labels).value
