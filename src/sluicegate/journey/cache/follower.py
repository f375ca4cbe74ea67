"""An exchange whose answer comes from a flight: it gets every piece when it comes.

Who reads more slowly than others is waited for only as long as what it has not read fits into the
flight's buffer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sluicegate.errors import UNAVAILABLE, Refused
from sluicegate.exchange import Response
from sluicegate.headers import Headers
from sluicegate.journey.cache.recording import FREE, MARK, stays
from sluicegate.journey.cache.telling import tell

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.cache.flight import Flight

DONE: Final = 0
ALONE: Final = 1
AGAIN: Final = 2
FAILED: Final = 3
"""What became of following: the answer was passed on; it has to ask for itself; somebody has to
ask once more; there is an error to pass on."""
JOINED: Final = (MARK, b"joined")


class Follower:
    """The flow of a follower's answer. `at` is the next piece, `got` the bytes of those before.

    `paused`: its client does not read; `slow`: it was given up for that. `begun`: it has the head.
    `done` says what became of it, or raises what went wrong.
    """

    __slots__ = ("_exchange", "_first", "_flight", "_last", "at", "begun", "done", "got", "paused",
                 "slow")  # fmt: skip

    def __init__(self, exchange: Exchange, flight: Flight, *, first: bool, last: bool) -> None:
        """`first`: it has begun the flight. `last`: it takes whatever comes of it."""
        self._exchange = exchange
        self._flight = flight
        self._first = first
        self._last = last
        self.begun = False
        self.at = self.got = 0
        self.paused = self.slow = False
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def push(self) -> None:
        """Pass on what there is."""
        flight = self._flight
        if self.done.done():
            return
        if flight.failed:
            if flight.over:
                takes = flight.payer is self or self._last or flight.for_all
                self.done.set_result(FAILED if takes else AGAIN)
            return
        try:
            self._pass(flight)
        except Exception as error:  # noqa: BLE001 - of this exchange's policies: it fails, alone
            self.done.set_exception(error)

    def flush(self) -> None:
        """Send on what was written so far."""
        if self.begun and not self.done.done():
            self._exchange.sink.flush()

    def go_alone(self) -> None:
        """Wait no longer, if nothing has come."""
        if not self.begun and not self.done.done():
            self.done.set_result(ALONE)

    def too_slow(self) -> None:
        """Give up a client that is too far behind."""
        if not self.done.done():
            self.slow = True
            self._exchange.outcome = "client_slow"
            self.done.set_exception(Refused(UNAVAILABLE, "the client reads too slowly"))

    def pause(self) -> None:
        """Wait: the client reads too slowly."""
        self.paused = True
        self._flight.regulate()

    def resume(self) -> None:
        """Go on."""
        self.paused = False
        self.push()
        self.flush()
        self._flight.regulate()

    def _pass(self, flight: Flight) -> None:
        exchange, head = self._exchange, flight.head
        if head is None:
            return
        if not self.begun:
            self.begun = True
            tell(flight.copy, exchange, pays=flight.payer is self)
            headers = Headers(head.headers)
            if not self._first:
                headers[:] = [pair for pair in headers if stays(pair[0])]
                headers.append(JOINED)
                call = exchange.call
                if call is not None and not call.stream and flight.payer is not self:
                    headers.append(FREE)
            exchange.head(Response(head.status, headers, head.length, dated=head.dated), self)
        while self.at < flight.count and not self.paused:
            piece = flight.pieces[self.at - flight.first]
            self.at += 1
            self.got += len(piece)
            exchange.chunk(piece)
        if self.at < flight.count:
            return
        if flight.ended:
            exchange.flow = None
            exchange.end(None)
            self.done.set_result(DONE)
        elif flight.over and flight.error is not None:
            self.done.set_exception(flight.error)
