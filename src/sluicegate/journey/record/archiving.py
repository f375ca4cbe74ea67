"""Hears calls of models and hands them to the archive; the running part of `archive`.

Beside the exchange nothing is done but to keep the pieces. Reading, redacting and handing over
happen afterwards, in a task that holds the loop for a millisecond at a time and for QUARTER_S in
all; what is not redacted by then is left out, never kept as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from sluicegate.errors import CLIENT_GONE, StateAway
from sluicegate.journey.record import said
from sluicegate.journey.record.listening import Listening
from sluicegate.journey.record.said import Unreadable
from sluicegate.llm.dialects import find
from sluicegate.model.archive import ArchivedCall
from sluicegate.model.name_pattern import any_matches

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.exchange import Exchange
    from sluicegate.journey.record.redaction import Redacted, Redaction, Steps
    from sluicegate.llm.call import ModelCall
    from sluicegate.model.name_pattern import NamePattern
    from sluicegate.policy import Onward, Parts
    from sluicegate.state.archive import Archive

SLICE_S: Final = 0.001
QUARTER_S: Final = 0.25
"""Of the loop's time for one call."""
MOST_UNDER_WAY: Final = 64
"""Calls per worker that are read and redacted; more are dropped and counted."""
FRAMES: Final = 16
"""How many times larger a stream may be than what it says: some 200 bytes for a word."""
STREAM: Final = b"text/event-stream"
MULTIPLE: Final = 300
MSGPACK: Final = msgspec.msgpack.Encoder()
ENCODE: Final = msgspec.json.Encoder().encode


class Wanted:
    """Which calls, and what of them."""

    __slots__ = ("_consumers", "_draw", "_routes", "_sample", "answer", "request")

    def __init__(
        self,
        routes: Sequence[NamePattern],
        consumers: Sequence[NamePattern],
        sample: float,
        draw: Callable[[], float],
        *,
        request: bool,
        answer: bool,
    ) -> None:
        """`draw` returns a random number from 0 up to 1; without `consumers`, of anybody."""
        self._routes = tuple(routes)
        self._consumers = tuple(consumers)
        self._sample = sample
        self._draw = draw
        self.request = request
        self.answer = answer

    def has(self, exchange: Exchange) -> bool:
        """Decide; to be asked once."""
        call, route = exchange.call, exchange.route
        if call is None or route is None or call.endpoint.operation != "call":
            return False
        if not any_matches(self._routes, route.name):
            return False
        if self._consumers and not any_matches(self._consumers, exchange.consumer_name or ""):
            return False
        return self._draw() < self._sample


class Archiving:
    """Keeps calls of models."""

    def __init__(
        self, parts: Parts, archive: Archive, wanted: Wanted, redaction: Redaction, most: int,
        retention_us: int,
    ) -> None:  # fmt: skip
        """`most` bytes may a request or an answer have."""
        self._clock = parts.clock
        self._ticket = parts.ticket
        self._aside = parts.aside
        self._archive = archive
        self._wanted = wanted
        self._redaction = redaction
        self._most = most
        self._retention_us = retention_us
        self._under_way = 0
        self._lines = parts.metrics.family(
            "sluicegate_archive_calls_total",
            "counter",
            "Calls of models that the archive was to keep: `kept`, or why they are lost: `busy` "
            "(too many at once), `full` (too much waits in the state), `away` (the state did not "
            "answer), `failed`.",
            ("outcome",),
        )
        for outcome in ("kept", "busy", "full", "away", "failed"):
            self._lines.cell(outcome)  # from 0, so that a rate sees the first one, too

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Listen from the answer's head on, and keep what was heard at the end."""
        heard: list[Listening] = []
        asked: list[bool] = []

        def begin(each: Exchange) -> None:
            """Decide at the head: who calls, and what, is known by then."""
            if not asked:
                asked.append(self._wanted.has(each))
                if asked[0] and self._wanted.answer:
                    heard.append(Listening(each.sink, self._most * FRAMES))
                    each.sink = heard[0]

        exchange.on_head(begin)
        try:
            await onward(exchange)
        finally:
            if heard:
                exchange.sink = heard[0].inner
            if asked[0] if asked else self._wanted.has(exchange):
                self._keep(exchange, heard[0] if heard else None)

    def _keep(self, exchange: Exchange, heard: Listening | None) -> None:
        call = exchange.call
        if call is None:
            return
        if self._under_way >= MOST_UNDER_WAY:
            self._count("busy")
            return
        self._under_way += 1
        line = self._line(exchange, call, heard)
        task = asyncio.get_running_loop().create_task(
            self._hand_over(line, call, heard, _media(exchange))
        )
        self._aside.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way -= 1
        self._aside.discard(task)

    def _line(self, exchange: Exchange, call: ModelCall, heard: Listening | None) -> ArchivedCall:
        now_us = self._clock.wall_us()
        consumer, response = exchange.consumer, exchange.response
        return ArchivedCall(
            id=self._ticket(),
            at_us=now_us,
            until_us=now_us + self._retention_us,
            consumer=exchange.consumer_name,
            team=None if consumer is None else consumer.team,
            key=exchange.key_id,
            route=None if exchange.route is None else exchange.route.name,
            model=call.alias,
            asked=call.asked,
            provider=call.provider,
            deployment=call.deployment,
            dialect=call.endpoint.dialect,
            stream=call.stream,
            from_cache=call.from_cache,
            status=CLIENT_GONE.status if response is None else response.status,
            failure=None if call.failure is None else call.failure.kind,
            request_id=exchange.request.request_id,
            request_bytes=len(call.body),
            answer_bytes=0 if heard is None else heard.size,
        )

    async def _hand_over(
        self, line: ArchivedCall, call: ModelCall, heard: Listening | None, media: bytes
    ) -> None:
        work = _Work(self._clock)
        try:
            if self._wanted.request and self._fits(line, "request", len(call.body)):
                line.request = await self._redacted(work, line, "request", _whole(call.body))
            if heard is not None and heard.size:
                line.answer = await self._answer(work, line, call, heard, media)
            kept = await self._archive.put(MSGPACK.encode(line))
            self._count("kept" if kept else "full")
        except StateAway:
            self._count("away")
        except Exception as error:  # noqa: BLE001 - a side channel; its text may quote a prompt
            self._count("failed")
            structlog.get_logger().error("a call was not archived", error=type(error).__name__)

    async def _answer(
        self, work: _Work, line: ArchivedCall, call: ModelCall, heard: Listening, media: bytes
    ) -> str | None:
        array = call.stream and call.endpoint.array
        streamed = media == STREAM or array
        most = self._most * FRAMES if streamed else self._most
        if not heard.is_whole or not self._fits(line, "answer", heard.size, most):
            line.left_out["answer"] = "size"
            return None
        body = b"".join(heard.pieces)
        if not streamed or line.status >= MULTIPLE:
            return await self._redacted(work, line, "answer", _whole(body))
        steps = said.stream(find(call.endpoint.dialect), body, array=array)
        return await self._redacted(work, line, "answer", steps)

    def _fits(self, line: ArchivedCall, part: str, size: int, most: int = 0) -> bool:
        if size <= (most or self._most):
            return True
        line.left_out[part] = "size"
        return False

    async def _redacted(
        self, work: _Work, line: ArchivedCall, part: str, steps: Steps
    ) -> str | None:
        """Return JSON of what `steps` return, redacted; None where it could not be."""
        try:
            value = await work.do(steps)
            done: Redacted = await work.do(self._redaction.value(value))
        except Unreadable:
            line.left_out[part] = "unreadable"
            return None
        except TimeoutError:
            line.left_out[part] = "redaction"
            return None
        line.redacted += done.places
        return ENCODE(done.value).decode()

    def _count(self, outcome: str) -> None:
        self._lines.cell(outcome).value += 1


class _Work:
    """Work of one call on the loop, a slice at a time."""

    __slots__ = ("_clock", "_spent_s")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spent_s = 0.0

    async def do(self, steps: Steps) -> Any:  # noqa: ANN401 - whatever the steps return
        """Go through all steps. Raises TimeoutError once a call has taken too much time."""
        while True:
            begun = self._clock.monotonic()
            spent = 0.0
            while spent < SLICE_S:
                try:
                    next(steps)
                except StopIteration as end:
                    self._spent_s += self._clock.monotonic() - begun
                    return end.value
                spent = self._clock.monotonic() - begun
            self._spent_s += spent
            if self._spent_s > QUARTER_S:
                steps.close()
                raise TimeoutError
            await asyncio.sleep(0)


def _whole(body: bytes) -> Generator[None, None, object]:
    """Read JSON in one step. Raises Unreadable."""
    yield
    return said.whole(body)


def _media(exchange: Exchange) -> bytes:
    response = exchange.response
    kind = None if response is None else response.headers.get(b"content-type")
    return (kind or b"").partition(b";")[0].strip().lower()
