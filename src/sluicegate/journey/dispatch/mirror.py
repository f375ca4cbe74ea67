"""`mirror`: sends a copy of requests to another service, whose answers are read and dropped.

Nothing of it delays or fails the request itself: a copy begins when the request is whole, runs
beside it, and ends by itself. A copy is sent whether or not its client waits for the answer any
more. What would cost too much is not copied and counted instead: bodies over `max_body`, and what
is over `max_in_flight` copies at a time. Requests that ask for an upgrade are never copied.

A copy carries `sluicegate-mirrored: 1`, a name that no client can send, and is otherwise as the
service gets it, `Host` and credentials too. Envoy's form, a `Host` that ends in `-shadow`, needs a
virtual host of that name at the other service. Copies are of the lowest priority, and in no access
log.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Annotated

import structlog
from msgspec import Meta

from sluicegate.errors import DEADLINE_PASSED
from sluicegate.exchange import Exchange, Request
from sluicegate.headers import Headers
from sluicegate.journey.dispatch.service import send
from sluicegate.model.route import RouteTimeouts
from sluicegate.model.units import Duration, Size
from sluicegate.policy import PolicyConfig, ServiceName
from sluicegate.wire.body import RequestBody

if TYPE_CHECKING:
    from sluicegate.errors import Refused
    from sluicegate.policy import Onward, Parts
    from sluicegate.wire.tunnel import Tunnel

MARK = (b"sluicegate-mirrored", b"1")
FIRST_SERVER_ERROR = 500
MOST_ANSWER = 1 << 20
"""Bytes of an answer that are read and dropped; then its connection is closed."""
RESULTS = ("ok", "error", "failed", "timeout", "cancelled", "too_large", "too_many", "incomplete")


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Which requests are copied, and where to."""

    service: Annotated[ServiceName, Meta(description="Name of the service that gets the copies.")]
    share: Annotated[
        float, Meta(ge=0, le=100, description="Percent of requests; `0.1` is one of 1000.")
    ] = 100
    max_body: Annotated[
        Size, Meta(description="Requests with a larger body are not copied. A copy is kept whole.")
    ] = Size(65536)
    max_in_flight: Annotated[
        int, Meta(ge=1, description="Copies at a time, per worker; beyond it none are made.")
    ] = 100
    max_time: Annotated[
        Duration, Meta(description="A copy is given up after this. Envoy's route time-out: 15 s.")
    ] = Duration(15)


class Policy:
    """Makes copies, and runs each as an exchange of its own."""

    __slots__ = ("_aside", "_cells", "_config", "_in_flight", "random")

    def __init__(self, config: Config, parts: Parts) -> None:
        """Keep the bounds; `random` draws, and may be seeded."""
        self.random = random.Random()  # noqa: S311 - chooses copies, no secret
        self._config = config
        self._aside = parts.aside
        self._in_flight = 0
        family = parts.metrics.family(
            "sluicegate_mirrored_total",
            "counter",
            "Requests that the policy `mirror` chose. A copy was answered: `ok`, or `error` for a "
            "status of 500 and above; or not: `failed`, `timeout`, `cancelled`; or was not sent: "
            "`too_large`, `too_many`, `incomplete` where the request never became whole.",
            ("scope", "service", "result"),
        )
        self._cells = {one: family.cell(parts.scope, config.service, one) for one in RESULTS}

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Copy what is chosen."""
        recorder = None
        if not _upgrades(exchange) and self.random.random() * 100 < self._config.share:
            recorder = self._chosen(exchange)
        if recorder is None:
            await onward(exchange)
            return
        try:
            await onward(exchange)
        finally:
            recorder.give_up("incomplete")

    def _chosen(self, exchange: Exchange) -> _Recorder | None:
        """Send a copy of a request without a body; return who waits for the body of another."""
        body, most = exchange.request.body, int(self._config.max_body)
        if body is not None and body.length is not None and body.length > most:
            self._cells["too_large"].value += 1
            return None
        if self._in_flight >= self._config.max_in_flight:
            self._cells["too_many"].value += 1
            return None
        self._in_flight += 1
        # The head is copied now: what stands further in may change the request.
        request = _copy(exchange.request)
        if body is None:
            self.begin(exchange, request)
            return None
        recorder = _Recorder(self, exchange, request, most)
        body.tee(recorder)
        return recorder

    def begin(self, exchange: Exchange, request: Request) -> None:
        """Send a copy on its way, as a task of its own."""
        sink = _Nowhere()
        copy = Exchange(request, exchange.client, sink, exchange.snapshot, exchange.clock)
        copy.route, copy.plan = exchange.route, exchange.plan
        copy.consumer, copy.consumer_name = exchange.consumer, exchange.consumer_name
        copy.key_id = exchange.key_id
        copy.priority = 0
        copy.deadline_header = exchange.deadline_header
        copy.deadline = min(exchange.deadline, copy.started_at + self._config.max_time)
        task = asyncio.get_running_loop().create_task(self._send(copy))
        sink.task = task
        self._aside.add(task)
        task.add_done_callback(lambda done: self._ended(done, copy, sink))

    def end(self, result: str) -> None:
        """Count a copy, sent or not, and make room for another one."""
        self._in_flight -= 1
        self._cells[result].value += 1

    async def _send(self, copy: Exchange) -> None:
        service = copy.snapshot.services[self._config.service]
        await send(copy, service.destination({}, RouteTimeouts()))

    def _ended(self, task: asyncio.Task[None], copy: Exchange, sink: _Nowhere) -> None:
        self._aside.discard(task)
        if task.cancelled():
            if sink.room < 0:
                self.end(_result(copy))
                return
            self.end("cancelled")
            return
        error = task.exception()
        if error is not None:
            structlog.get_logger().error("mirror failed", exc_info=error)
        self.end("failed" if error is not None else _result(copy))


class _Recorder:
    """Keeps the body of a request until it is whole (a `BodyConsumer`)."""

    __slots__ = ("_exchange", "_pieces", "_policy", "_request", "_room")

    def __init__(self, policy: Policy, exchange: Exchange, request: Request, room: int) -> None:
        """`request` is sent once the body is there; more than `room` bytes are given up."""
        self._policy: Policy | None = policy
        self._exchange = exchange
        self._request = request
        self._room = room
        self._pieces: list[bytes] = []

    def body_data(self, data: bytes) -> None:
        """Keep a piece."""
        self._room -= len(data)
        if self._room < 0:
            self.give_up("too_large")
        else:
            self._pieces.append(data)

    def body_end(self, trailers: Headers | None) -> None:
        """Send the copy."""
        policy, self._policy = self._policy, None
        original = self._exchange.request.body
        if policy is None or original is None:
            return
        body = RequestBody(_Nobody(), original.length, 0, expects_continue=False)
        for piece in self._pieces:
            body.feed(piece)
        body.end(trailers)
        self._request.body = body
        policy.begin(self._exchange, self._request)

    def body_failed(self, error: Refused) -> None:  # noqa: ARG002 - what is wrong with it
        """Forget it: half a request is none."""
        self.give_up("incomplete")

    def give_up(self, result: str) -> None:
        """Forget what was kept, unless the copy is on its way."""
        policy, self._policy = self._policy, None
        if policy is not None:
            policy.end(result)
            self._pieces.clear()
            self._room = -1


class _Nobody:
    """The client of a copy's body: it is there already."""

    __slots__ = ()

    def pause_body(self) -> None:
        """Nothing is read."""

    def resume_body(self) -> None:
        """Nothing is read."""

    def send_continue(self) -> None:
        """Nobody waits."""


class _Nowhere:
    """Where the answers to copies go (a `Sink`). One that does not end is not read to its end."""

    __slots__ = ("room", "task")

    def __init__(self) -> None:
        """`task` is set once the copy is on its way."""
        self.room = MOST_ANSWER
        self.task: asyncio.Task[None] | None = None

    def send_head(self, exchange: Exchange) -> None:
        """Drop."""

    def send_body(self, data: bytes) -> None:
        """Drop."""
        self.room -= len(data)
        if self.room < 0 and self.task is not None:
            self.task.cancel()

    def send_end(self, trailers: Headers | None) -> None:
        """Drop."""

    def flush(self) -> None:
        """Drop."""

    def send_informational(self, status: int, headers: Headers) -> None:
        """Drop."""

    def finished(self, exchange: Exchange) -> None:
        """Nothing comes after it."""

    def cut(self) -> None:
        """Nobody is there to notice."""

    def send_upgrade(self, exchange: Exchange, headers: Headers) -> None:
        """Never happen: no copy asks for an upgrade."""
        raise NotImplementedError

    def join(self, tunnel: Tunnel) -> None:
        """Never happen, as above."""
        raise NotImplementedError

    @property
    def transport(self) -> asyncio.Transport:
        """There is none."""
        raise NotImplementedError


def _upgrades(exchange: Exchange) -> bool:
    token, route = exchange.request.upgrade, exchange.route
    return token is not None and (route is None or token in route.upgrade)


def _copy(request: Request) -> Request:
    copy = Request()
    copy.method, copy.target, copy.version = request.method, request.target, request.version
    copy.path, copy.query = request.path, request.query
    copy.host, copy.authority, copy.scheme = request.host, request.authority, request.scheme
    copy.client_ip, copy.request_id = request.client_ip, request.request_id
    copy.headers = Headers([*request.headers, MARK])
    copy.body = copy.upgrade = None
    return copy


def _result(copy: Exchange) -> str:
    """Say how a copy ended, which was neither cancelled nor failed by a mistake of ours."""
    if copy.problem is not None:
        return "timeout" if copy.problem is DEADLINE_PASSED else "failed"
    status = 0 if copy.response is None else copy.response.status
    return "error" if status >= FIRST_SERVER_ERROR else "ok"
