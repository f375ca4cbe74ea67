"""One connection to one server: commands out in the order of asking, answers back in that order.

Commands of one turn of the loop leave in one write. Every command has `timeout_s` from there on.
One timer serves all of them: it looks at the oldest write that is not answered. Where that is due
the socket is read once more first, because it may be us who were slow. What has no answer then
raises StateAway, and the connection takes no more calls: it *has ended*. Younger calls still get
what comes in their time; the answers to older ones are read and dropped, which keeps the order.

Nothing is ever sent twice. It is an asyncio protocol by its methods, not by inheritance, so that it
can be compiled.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Protocol

import hiredis

from sluicegate.errors import StateAway

if TYPE_CHECKING:
    from sluicegate.clock import Clock, Timer
    from sluicegate.metrics import HistogramCell

LINGER_S: Final = 0.002
"""For what nobody waits for: under load it leaves with what others send, at no price."""
GRACE_TURNS: Final = 2
"""Turns of the loop in which the socket is read once for certain."""


class Owner(Protocol):
    """Who keeps the connection."""

    def ended(self, connection: Connection, reason: str) -> None:
        """Take notice, once, that it takes no more calls. `reason` is for logs."""


class Connection:
    """An asyncio protocol. `name` says for logs where it leads to; `lost`: that is how it ended."""

    __slots__ = (
        "_answered",
        "_calls",
        "_clock",
        "_feed",
        "_flushing",
        "_gets",
        "_lingering",
        "_loop",
        "_marks",
        "_out",
        "_owner",
        "_seconds",
        "_sent",
        "_timeout_s",
        "_timer",
        "_transport",
        "lost",
        "name",
        "reason",
    )

    def __init__(
        self,
        owner: Owner,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        seconds: HistogramCell,
        name: str,
        timeout_s: float,
    ) -> None:
        """Belong to `owner`. `seconds` takes how long writes wait for their last answer."""
        self._owner = owner
        self._clock = clock
        self._loop = loop
        self._seconds = seconds
        self.name = name
        self._timeout_s = timeout_s
        reader = hiredis.Reader()
        self._feed = reader.feed
        self._gets = reader.gets
        self._calls: deque[asyncio.Future[Any]] = deque()
        self._out: list[bytes] = []
        self._flushing = False
        self._lingering: asyncio.TimerHandle | None = None
        self._sent = 0
        self._answered = 0
        # For each write that waits: the number of its last command, and when it was written.
        self._marks: deque[tuple[int, float]] = deque()
        self._timer: Timer | None = None
        self._transport: asyncio.Transport | None = None
        self.reason = ""
        self.lost = False

    @property
    def has_ended(self) -> bool:
        """Whether it takes no more calls."""
        return self.reason != ""

    @property
    def is_closed(self) -> bool:
        """Whether nothing is left of it. One that has ended may still wait for answers."""
        return self._transport is None

    def allow(self, timeout_s: float) -> None:
        """Let calls have so much time from now on, those under way as well."""
        self._timeout_s = timeout_s
        if self._timer is not None:  # it may be set for much later
            self._timer.cancel()
            self._timer = self._clock.after(timeout_s, self._look)

    # --- asking ----------

    def call(self, command: bytes) -> asyncio.Future[Any]:
        """Send a command, one only; the future's result is its answer, an error's answer as well.

        The future raises StateAway where there is none in time. Raises StateAway once it has ended.
        """
        future = self._add(command)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)
        return future

    def linger(self, command: bytes) -> asyncio.Future[Any]:
        """Send a command, as `call` does, with the next one; or after `LINGER_S`."""
        future = self._add(command)
        if self._lingering is None and not self._flushing:
            self._lingering = self._loop.call_later(LINGER_S, self._flush)
        return future

    def _add(self, command: bytes) -> asyncio.Future[Any]:
        if self.reason:
            raise StateAway(self.reason)
        future: asyncio.Future[Any] = self._loop.create_future()
        self._calls.append(future)
        self._out.append(command)
        return future

    def pair(self, first: bytes, second: bytes) -> asyncio.Future[Any]:
        """Send two commands, one right after the other; the future is that of the second."""
        self.call(first).add_done_callback(_look_away)
        return self.call(second)

    def retire(self, reason: str) -> None:
        """Take no more calls; close once those under way are answered or due."""
        if not self.reason:
            self.reason = reason
            self._owner.ended(self, reason)
        self._close_when_idle()

    def close(self) -> None:
        """Close at once, without a word to the owner. What is under way raises StateAway."""
        if not self.reason:
            self.reason = "closed"
        if self._transport is not None:
            self._transport.abort()
        self._forget()

    def _flush(self) -> None:
        self._flushing = False
        self._linger_no_more()
        out = self._out
        if not out or self._transport is None:
            return
        self._sent += len(out)
        self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()
        self._marks.append((self._sent, self._clock.monotonic()))
        if self._timer is None:
            self._timer = self._clock.after(self._timeout_s, self._look)

    # --- told by the loop ----------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # TCP, TLS and unix have `write`
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Hand out answers."""
        self._feed(data)
        gets, calls = self._gets, self._calls
        count = 0
        try:
            while (reply := gets()) is not False:
                future = calls.popleft()
                count += 1
                if not future.done():
                    future.set_result(reply)
        except (hiredis.ProtocolError, IndexError):
            self.retire("what came is no answer")
            self.close()
            return
        answered = self._answered = self._answered + count
        marks = self._marks
        if marks and marks[0][0] <= answered:
            written = marks.popleft()[1]
            while marks and marks[0][0] <= answered:
                marks.popleft()
            self._seconds.observe(self._clock.monotonic() - written)
        if self.reason:
            self._close_when_idle()

    def eof_received(self) -> bool:
        """Let the transport close."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what is under way."""
        self._transport = None
        if not self.reason:
            self.lost = True
            self.reason = "the connection was lost" if error is None else "the connection broke"
            self._owner.ended(self, self.reason)
        self._forget()

    def pause_writing(self) -> None:
        """Do nothing: no more than the calls of one deadline can pile up."""

    def resume_writing(self) -> None:
        """Do nothing, as above."""

    # --- deadlines ----------

    def _look(self) -> None:
        """See whether the oldest write is due; if so read the socket once more."""
        self._timer = None
        if not self._marks:
            return
        left_s = self._marks[0][1] + self._timeout_s - self._clock.monotonic()
        if left_s > 0.0:
            self._timer = self._clock.after(left_s, self._look)
        else:
            self._loop.call_soon(self._grace, GRACE_TURNS)

    def _grace(self, turns: int) -> None:
        if turns:
            self._loop.call_soon(self._grace, turns - 1)
        else:
            self._judge()

    def _judge(self) -> None:
        """Fail what is due; the first time, that is the end."""
        marks, last = self._marks, 0
        latest = self._clock.monotonic() - self._timeout_s
        while marks and marks[0][1] <= latest:
            last = marks.popleft()[0]
        if marks and self._timer is None:
            self._timer = self._clock.after(max(0.0, marks[0][1] - latest), self._look)
        if last > self._answered:
            _fail(islice(self._calls, last - self._answered), "no answer in time")
            self.retire("no answer in time")

    def _close_when_idle(self) -> None:
        if self._transport is not None and all(future.done() for future in self._calls):
            self._transport.abort()

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._linger_no_more()
        self._marks.clear()
        self._out.clear()
        _fail(self._calls, self.reason)
        self._calls.clear()

    def _linger_no_more(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None


def _fail(futures: Iterable[asyncio.Future[Any]], reason: str) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(StateAway(reason))


def _look_away(future: asyncio.Future[Any]) -> None:
    """Fetch what the future holds, so that asyncio does not complain that nobody did."""
    if not future.cancelled():
        future.exception()
