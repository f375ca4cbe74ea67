"""One try of an exchange at a target: joins the client's bytes with a target's, both ways.

An attempt writes nothing of a response to the exchange before it knows that the head counts: an
answer that is tried again elsewhere, or that another attempt was faster than, is dropped. It keeps
up to 64 KiB of the request body, so that the request can be sent again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sluicegate.errors import (
    Refused,
    UpstreamAnswered,
    UpstreamError,
    UpstreamInvalid,
    UpstreamReset,
)
from sluicegate.exchange import Response
from sluicegate.journey.dispatch.judgement import Judgement
from sluicegate.journey.dispatch.request_head import head_of
from sluicegate.journey.dispatch.retry_after import seconds_of
from sluicegate.wire.deadlines import within
from sluicegate.wire.tunnel import Tunnel

if TYPE_CHECKING:
    from sluicegate.headers import Headers
    from sluicegate.journey.dispatch.retry import Call
    from sluicegate.telemetry.trace import AttemptSpan
    from sluicegate.upstream.target import Target
    from sluicegate.wire.http1.client import ClientConnection

KEEP_BYTES: Final = 65536
"""How much of a request body is kept to be sent again."""

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
"""RFC 9110, section 9.2.2."""
SWITCHING: Final = 101
UNAVAILABLE: Final = 503


class Attempt:
    """Receiver of a response, consumer of a request body, and flow of the response."""

    __slots__ = (
        "_call",
        "_connecting",
        "_connection",
        "_done",
        "_exchange",
        "_lost_to",
        "_room",
        "_spill",
        "dropped",
        "judgement",
        "kept",
        "reached",
        "running",
        "span",
        "target",
    )

    def __init__(self, call: Call, target: Target) -> None:
        """Prepare to send the request of `call` to `target`."""
        self._call = call
        self._exchange = call.exchange
        self.target = target
        self._connecting: asyncio.Task[None] | None = None
        self._lost_to: UpstreamError | None = None
        self._connection: ClientConnection | None = None
        self._done: asyncio.Future[None] | None = None
        self.judgement = Judgement(call, target)
        self._room = KEEP_BYTES
        self._spill = KEEP_BYTES
        self.dropped = False
        self.kept: list[bytes] = []
        self.reached = False
        self.running = False
        self.span: AttemptSpan | None = None

    async def run(self) -> None:
        """Send the request and pass the response on; return when that is done.

        Raises UpstreamError, or Refused when the client's own body failed.
        """
        call, exchange, target = self._call, self._exchange, self.target
        exchange.attempts += 1
        exchange.target = target.label
        self.judgement.begin()
        self.running = True
        if exchange.trace is not None:
            self.span = exchange.trace.attempt(
                call.service.name, target.label, exchange.attempts, exchange.clock.wall_us()
            )
        failure: BaseException | None = None
        try:
            connection = None if call.fresh else target.pool.take()
            if connection is None:
                connection = await self._connect()
                self.judgement.restart()
            await self._send(connection)
        except BaseException as error:
            failure = error
            raise
        finally:
            self.running = False
            self.judgement.end()
            if failure is not None:
                self._failed(failure)
            if self.span is not None:
                self._end_span(self.span, failure)

    def stale(self, error: UpstreamError) -> bool:
        """Whether all that went wrong is that the target had closed a kept connection."""
        connection = self._connection
        return (
            connection is not None
            and connection.served > 1
            and not connection.any_bytes
            and isinstance(error, UpstreamReset)
        )

    def can_repeat(self, *, reached: bool) -> bool:
        """Whether the request can be sent again; `reached`: a target may have read of it."""
        exchange = self._exchange
        if exchange.head_sent or exchange.upgraded:
            return False
        return not reached or (exchange.request.method in IDEMPOTENT and self._room >= 0)

    def lose(self, error: UpstreamError) -> None:
        """End without a response: another attempt has one already."""
        if self._connecting is not None:
            self._lost_to = error
            self._connecting.cancel()
        elif self._connection is not None:
            self._connection.abandon()
            self._settle(error)

    async def _connect(self) -> ClientConnection:
        """Make a connection. Raises what `lose` was told, should that come first."""
        call = self._call
        bound_s = call.destination.timeouts.connect
        connect_s = within(bound_s, call.until, call.exchange.clock)
        task: asyncio.Task[None] | None = asyncio.current_task()
        self._connecting = task
        try:
            return await self.target.pool.connect(connect_s)
        except asyncio.CancelledError:
            lost_to = self._lost_to
            if lost_to is None or task is None or task.uncancel():
                raise  # the exchange is cancelled, too
            raise lost_to from None
        finally:
            self._connecting = None

    def _send(self, connection: ClientConnection) -> asyncio.Future[None]:
        """Send the request; the future is done when the response has been passed on."""
        exchange, call = self._exchange, self._call
        body = exchange.request.body
        self._connection = connection
        self.reached = True
        done = self._done = connection.loop.create_future()
        connection.start(
            self,
            head_of(exchange, self.target, self.span, self.judgement.started),
            call.destination.timeouts,
            call.until,
            head_only=exchange.request.method == "HEAD",
            whole=body is None,
            chunked=body is not None and body.length is None,
        )
        if body is not None:
            body.attach(self)
        return done

    def _failed(self, failure: BaseException) -> None:
        """Judge, and close what is open, unless it reads the rest of an answer that is dropped."""
        stale = isinstance(failure, UpstreamError) and self.stale(failure)
        self.judgement.failed(failure, stale=stale)
        if self._connection is not None and not isinstance(failure, UpstreamAnswered):
            self._connection.abandon()

    def _end_span(self, span: AttemptSpan, failure: BaseException | None) -> None:
        response = self._exchange.response
        status = 0 if response is None or failure is not None else response.status
        error: str | None = None
        if isinstance(failure, UpstreamAnswered):
            status = int(failure.reason)
        elif failure is not None:
            error = failure.reason if isinstance(failure, UpstreamError) else "cancelled"
        span.end(self._exchange.clock.wall_us(), status, error)

    # --- the body of the request ----------

    def body_data(self, data: bytes) -> None:
        """Send a piece on."""
        if self.dropped:  # the next attempt begins with it, so none may be forgotten
            self.kept.append(data)
            return
        if self._room >= 0:
            self._room -= len(data)
            if self._room >= 0:
                self.kept.append(data)
            else:
                self.kept.clear()
        if self._connection is not None:
            self._connection.write_body(data)

    def body_end(self, trailers: Headers | None) -> None:
        """Finish the request. The target's time to answer begins."""
        self.judgement.restart()
        if self._connection is not None:
            self._connection.write_end(trailers)

    def body_failed(self, error: Refused) -> None:
        """Give up: the target must not take half a request for a whole one."""
        self._settle(error)

    def on_writable(self, writable: bool) -> None:  # noqa: FBT001 - a state, not an option
        """Let the client wait while the target reads too slowly."""
        body = self._exchange.request.body
        if body is not None and not body.ended and not self.dropped:
            if writable:
                body.source.resume_body()
            else:
                body.source.pause_body()

    # --- the response ----------

    def on_informational(self, status: int, headers: Headers) -> None:
        """Pass 103 and its like on; 100 has been answered by ourselves."""
        if status != 100 and self._exchange.request.version == "1.1":  # noqa: PLR2004 - Continue
            self._exchange.sink.send_informational(status, headers)

    def on_response(self, status: int, headers: Headers, length: int | None) -> None:
        """Pass the head on, if it is the one that counts."""
        exchange, call, connection = self._exchange, self._call, self._connection
        service = call.service
        now = exchange.clock.monotonic()
        self.judgement.head(status, now)
        retried = status in service.retry_statuses
        asked_s = 0.0
        if retried or status == UNAVAILABLE:
            asked = headers.get(b"retry-after")
            asked_s = 0.0 if asked is None else seconds_of(asked, exchange.clock.wall_us())
        if status == UNAVAILABLE:
            self.target.standing.set_aside(asked_s)
        if call.hedge is not None and not call.hedge.claims(self, status, now):
            self._drop(UpstreamAnswered(status))
            return
        if retried and call.repeats_answer(self, status, asked_s):
            self._drop(UpstreamAnswered(status))
            return
        call.answered()
        exchange.target = self.target.label
        if status == SWITCHING:
            self._join(headers)
            return
        exchange.first_byte_at = now
        dated = connection is not None and connection.dated
        exchange.head(Response(status, headers, length, dated=dated), connection)

    def on_data(self, data: bytes) -> None:
        """Pass a piece of the body on."""
        if not self.dropped:
            self._exchange.chunk(data)
            return
        self._spill -= len(data)
        if self._spill < 0 and self._connection is not None:
            self._connection.abandon()  # a new connection costs less than the rest

    def on_pause(self) -> None:
        """Send on what has come: the rest may take its time."""
        if not self.dropped:
            self._exchange.sink.flush()

    def on_complete(self, trailers: Headers | None) -> None:
        """Pass the end on."""
        self._connection = None  # it may serve another exchange already: not ours to close
        if self.dropped:
            return
        exchange = self._exchange
        exchange.flow = None  # nor to pause
        try:
            exchange.end(trailers)
        except Exception as error:  # noqa: BLE001 - of a hook; the exchange waits to hear of it
            self._settle(error)
        else:
            self._settle(None)

    def on_error(self, error: Exception) -> None:
        """Fail."""
        self._settle(error)

    def _drop(self, error: UpstreamError) -> None:
        """Read the rest of an answer that does not count, so that its connection can be kept."""
        self.dropped = True
        body = self._exchange.request.body
        if body is not None and not body.ended and self._connection is not None:
            self._connection.abandon()  # it still waits for a body that others get now
        self._settle(error)

    def _join(self, headers: Headers) -> None:
        exchange, connection = self._exchange, self._connection
        if exchange.request.upgrade is None or connection is None:
            raise UpstreamInvalid("an upgrade that was not asked for")
        exchange.response = Response(SWITCHING, headers, None)
        sink = exchange.sink
        sink.send_upgrade(exchange, headers)
        tunnel = Tunnel(
            exchange,
            sink.transport,
            connection.transport,
            connection.deadlines,
            self._call.destination.timeouts.idle,
        )
        connection.tunnel = tunnel
        sink.join(tunnel)
        tunnel.done.add_done_callback(lambda _: self._settle(None))

    def _settle(self, error: Exception | None) -> None:
        done = self._done
        if done is not None and not done.done():
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
