"""One call of one deployment.

Nothing of an answer is written to the exchange before it counts: a stream from its first token on,
a whole answer when it is whole and what its dialect says. Until then another one can be asked.

    begin() ──> None: there is something to pass on ──> commit() ──> rest()
            └─> Failure: nothing was, and nothing will be
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sluicegate.errors import UpstreamError, UpstreamReset
from sluicegate.exchange import Response
from sluicegate.journey.dispatch.model.errors import bad_answer, late, of_error, unreachable
from sluicegate.journey.dispatch.model.intake import Intake
from sluicegate.journey.dispatch.model.model_span import begin, see, see_whole, settle
from sluicegate.journey.dispatch.model.passage import says
from sluicegate.journey.dispatch.model.refusal import read_refusal, unfit_head, without_key
from sluicegate.journey.dispatch.model.sending import written
from sluicegate.llm.canonical import Begun, Delta, Ended, Failed, PartBegun, Stopped, Used
from sluicegate.llm.failure import AnswerFailed, CallError, Failure, Malformed
from sluicegate.llm.produced import produced
from sluicegate.upstream.sent_whole import SentWhole
from sluicegate.wire.deadlines import within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.headers import Headers
    from sluicegate.journey.dispatch.model.calling import Calling
    from sluicegate.journey.dispatch.model.passage import Passage
    from sluicegate.llm.canonical import Event, Usage
    from sluicegate.telemetry.trace import AttemptSpan
    from sluicegate.upstream.models.deployment import Deployment, Held
    from sluicegate.wire.http1.client import ClientConnection

NEVER: Final = float("inf")
ERROR_BYTES: Final = 64 * 1024
"""Of an answer with an error status: enough for what any vendor says."""
LAST_S: Final = 1.0
"""For the end of the bytes behind the end of a stream: the caller does not wait for it longer."""
MULTIPLE: Final = 300
OK: Final = 200


class ModelAttempt(SentWhole):
    """Receiver of a provider's answer, and flow of the caller's. Watched by `Deadlines`."""

    __slots__ = (
        "_answer", "_asked", "_body", "_calling", "_charged", "_committed", "_connection", "_ended",
        "_error_headers", "_first", "_held", "_intake", "_model", "_open", "_paused", "_produced",
        "_rest", "_size", "_span", "_status", "_stopped", "_stream", "_usage", "deadline",
        "deployment", "first_token_s", "passage", "raw_error", "started", "until",
    )  # fmt: skip

    def __init__(self, calling: Calling, deployment: Deployment, held: Held) -> None:
        """Prepare to ask `deployment`, of whose limits the call has taken `held`."""
        self._calling = calling
        self._held = held
        self._model = calling.asked
        self._open = True
        self._charged = self._stopped = False
        self._produced = 0
        self.deployment = deployment
        self.passage: Passage
        self._stream = calling.call.stream
        self._connection: ClientConnection | None = None
        self._span: AttemptSpan | None = None
        self._first: asyncio.Future[Failure | None] | None = None
        self._rest: asyncio.Future[Failure | None] | None = None
        self._intake: Intake | None = None
        self._body: list[bytes] = []
        self._answer = b""
        self._size = self._status = 0
        self._asked = self._committed = self._ended = self._paused = False
        self._error_headers: dict[bytes, bytes] = {}
        self.deadline = NEVER
        self.first_token_s = 0.0
        self._usage: Usage | None = None
        self.raw_error: bytes | None = None
        self.started = 0.0
        self.until = NEVER

    async def begin(self) -> Failure | None:
        """Ask; return None once there is something to pass on, or why there is nothing."""
        clock, deployment = self._calling.exchange.clock, self.deployment
        self.started = clock.monotonic()
        total_s = deployment.link.config.timeouts.total or NEVER
        self.until = min(self._calling.until, self.started + total_s)
        self._asked = True
        deployment.began()
        failure: Failure | None
        try:
            failure = await self._ask()
        except CallError as error:
            failure = error.failure
        except UpstreamReset as error:
            failure = of_error(error) if self._status else unreachable()
        except UpstreamError as error:
            failure = of_error(error)
        except BaseException:
            self.close(whole=False, failure=None)
            raise
        now = clock.monotonic()
        self.first_token_s = now - self.started
        self._calling.call.waited_s += self.first_token_s
        if failure is None:
            deployment.answered(self.first_token_s, now)
        else:
            self.close(whole=False, failure=failure)
        return failure

    def close(self, *, whole: bool, failure: Failure | None) -> None:
        """Give back what the call has taken, and say how it ended. Harmless a second time."""
        if not self._open:
            return
        self._open = False
        deployment = self.deployment
        now = self._calling.exchange.clock.monotonic()
        self._held.release()
        if not self._asked:
            return
        self._charge(whole=whole)
        if failure is not None and now < self._calling.until:  # else the caller was in a hurry
            deployment.failed(failure, now, now - self.started)
        deployment.ended(whole=whole)
        if not whole:
            self.abandon()
        if self._span is not None:
            kind = None if failure is None else failure.kind
            self._span.end(self._calling.exchange.clock.wall_us(), self._status, kind)

    def commit(self) -> None:
        """Pass on what has come; from now on everything is passed on as it comes."""
        calling = self._calling
        exchange = calling.exchange
        if self._stream:
            exchange.head(Response(OK, calling.head(self, calling.stream_type), None), None)
            self.go_on()
            return
        self._committed = True
        self._used(None)
        self._charge(whole=True)
        body = self._answer
        exchange.head(Response(OK, calling.head(self, b""), len(body)), None)
        exchange.chunk(body)
        exchange.end(None)

    def go_on(self) -> None:
        """Pass on what has come behind what another attempt has passed on already."""
        exchange = self._calling.exchange
        self._committed = True
        self._used(None)
        exchange.flow = None if self._ended else self
        self._flush()
        exchange.sink.flush()

    async def rest(self) -> Failure | None:
        """Return when the answer has been passed on, a Failure if it broke off."""
        return None if self._rest is None else await self._rest

    def abandon(self) -> None:
        """Want nothing more: the provider is told by a closed connection."""
        self._watch(NEVER)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()

    # --- the request ----------

    async def _ask(self) -> Failure | None:
        calling, deployment = self._calling, self.deployment
        exchange, link = calling.exchange, deployment.link
        if exchange.trace is not None:
            self._span = exchange.trace.attempt(
                link.name, deployment.label, exchange.attempts, exchange.clock.wall_us()
            )
            begin(self._span, calling.call, deployment, self._model)
        if not link.ready:
            await link.refresh()
        self.passage = calling.passage(deployment)
        head, body = await written(calling, deployment, self.passage, self._span)
        connection = link.pool.take()
        if connection is not None:
            try:
                return await self._send(connection, head, body)
            except UpstreamReset:
                if connection.any_bytes:
                    raise
        # A kept connection that was dead says nothing of the provider (RFC 9112, 9.3.1).
        connect_s = within(link.timeouts.connect, calling.until, exchange.clock)
        connection = await link.pool.connect(connect_s)
        return await self._send(connection, head, body)

    async def _send(self, connection: ClientConnection, head: bytes, body: bytes) -> Failure | None:
        calling, link = self._calling, self.deployment.link
        self._connection = connection
        self._first = connection.loop.create_future()
        self._rest = connection.loop.create_future() if self._stream else None
        one = head + body  # each write is a system call, and wakes the provider
        timeouts = link.unwatched if self._stream else link.timeouts
        connection.start(
            self, one, timeouts, self.until, head_only=False, whole=True, chunked=False
        )
        if self._stream:
            self.deadline = min(
                self.until, calling.deadlines.now + (link.timeouts.first_byte or NEVER)
            )
            calling.deadlines.watch(self)
        return await self._first

    # --- the answer ----------

    def on_response(self, status: int, headers: Headers, length: int | None) -> None:  # noqa: ARG002 - a bound is kept for what comes
        """Look whether it is an answer."""
        self._status = status
        if status >= MULTIPLE:
            self._error_headers = dict(headers)
            return  # it is no stream, whatever was asked for
        stream_type = self.passage.dialect.stream_type if self._stream else b""
        unfit = unfit_head(status, headers, stream_type)
        if unfit is not None:
            self._settle(unfit)
        elif self._stream:
            self._intake = Intake(self.passage, self.deployment.link.config.max_answer)

    def on_data(self, data: bytes) -> None:
        """Take a piece."""
        intake = self._intake
        if intake is None:
            self._size += len(data)
            self._body.append(data)
            failed = self._status >= MULTIPLE
            if self._size > (ERROR_BYTES if failed else self.deployment.link.config.max_answer):
                large = bad_answer("the provider's answer is too large")
                self._settle(self._refused() if failed else large)
            return
        try:
            intake.feed(data, self._take, held=not self._committed)
        except Malformed as error:
            self._settle(bad_answer(f"the provider's stream is malformed: {error}"))
            return
        if self._committed:
            self._flush()

    def on_pause(self) -> None:
        """Send on what has come: the rest may take its time."""
        if self._committed:
            self._calling.exchange.sink.flush()

    def on_complete(self, trailers: Headers | None) -> None:  # noqa: ARG002 - no dialect has any
        """Look whether the answer is whole."""
        self._connection = None  # it serves another call already
        try:
            if self._status >= MULTIPLE:
                self._settle(self._refused())
            elif self._intake is None:
                self._answer, usage = self.passage.whole(b"".join(self._body))
                self._used(usage)
                see_whole(self._span, self.passage.dialect, self._body)
                self._settle(None)
            else:
                self._intake.end(self._take)
                self._ended = True
                self._settle(None)
        except AnswerFailed as error:
            self._settle(without_key(error.failure, self.deployment.link))
        except Malformed as error:
            self._settle(bad_answer(f"the provider's answer is malformed: {error}"))
        except Exception as error:  # noqa: BLE001 - the connection has let go: nobody else tells
            self._settle(of_error(error))

    def on_error(self, error: Exception) -> None:
        """Fail, unless all was said: how the connection ended is then no matter."""
        self._connection = None
        if self._ended:
            self.on_complete(None)
            return
        first = self._first
        if isinstance(error, UpstreamReset) and first is not None and not first.done():
            first.set_exception(error)
        else:
            self._settle(of_error(error))

    # --- flow: the caller reads too slowly ----------

    def pause(self) -> None:
        """Stop reading; silence is then no stall."""
        self._paused = True
        self.deadline = NEVER
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        """Read on."""
        self._paused = False
        self._stall()
        if self._connection is not None:
            self._connection.resume()

    def expired(self, now: float) -> None:
        """Give up a provider that says nothing that counts."""
        if self._ended:  # nothing more was to come but the end of the connection
            self.abandon()
            self.on_complete(None)
        elif now >= self.until:
            self._settle(late("the time for the call has passed"))
        elif self._first is not None and not self._first.done():
            self._settle(late("the model's first token did not come in time"))
        else:
            self._settle(late("the model's stream stalled"))

    def _take(self, events: Sequence[Event]) -> bool:
        """Look at what a frame said; False where there is nothing more to take."""
        self._produced += produced(events)
        if self._span is not None:
            see(self._span, events)
        for event in events:
            kind = type(event)
            if kind is Delta or kind is Stopped or (isinstance(event, PartBegun) and says(event)):
                self._stopped = kind is Stopped
                first = self._first
                if first is not None and not first.done():
                    first.set_result(None)
                if not self._paused:
                    self._stall()
            elif isinstance(event, Used | Begun):
                self._used(event.usage)
            elif isinstance(event, Failed):
                self._settle(without_key(event.failure, self.deployment.link))
                return False
            elif isinstance(event, Ended):
                self._ended = True
                self.deadline = min(self.deadline, self._calling.deadlines.now + LAST_S)
        return True

    def _used(self, usage: Usage | None) -> None:
        """Note what was used: it is that of the call once this attempt counts."""
        self._usage = usage or self._usage
        if self._committed:
            self._calling.call.usage = self._usage

    def _charge(self, *, whole: bool) -> None:
        """Charge the call with what this attempt has used, once."""
        if self._charged or not OK <= self._status < MULTIPLE:
            return
        self._charged = True
        calling = self._calling
        charge = calling.meter.charge(
            calling.call, self.deployment, self._model, self._usage,
            counted=whole or self._stopped,
            produced=self._produced if self._stream else self._size,
        )  # fmt: skip
        settle(self._span, charge, self.first_token_s)

    def _refused(self) -> Failure:
        """Classify an answer with an error status."""
        body = b"".join(self._body)[:ERROR_BYTES]
        failure, self.raw_error = read_refusal(
            self.deployment.link, self.passage, self._status, self._error_headers, body
        )
        return failure

    def _stall(self) -> None:
        stall_s = self.deployment.link.timeouts.idle or NEVER
        self.deadline = min(self.until, self._calling.deadlines.now + stall_s)

    def _watch(self, deadline: float) -> None:
        self.deadline = deadline
        if deadline == NEVER:
            self._calling.deadlines.forget(self)
        else:
            self._calling.deadlines.watch(self)

    def _flush(self) -> None:
        data = b"" if self._intake is None else self._intake.taken()
        if data:
            self._calling.exchange.chunk(data)

    def _settle(self, failure: Failure | None) -> None:
        """End: whole where there is no failure. What was taken before is the caller's."""
        self._watch(NEVER)
        if self._committed:
            try:
                self._flush()
            except UpstreamError as error:  # more than a policy may hold back
                failure = failure or of_error(error)
        if failure is not None:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.abandon()
        first, rest = self._first, self._rest
        if first is not None and not first.done():
            first.set_result(failure)
        if rest is not None and not rest.done():
            rest.set_result(failure)
