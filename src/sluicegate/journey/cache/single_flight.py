"""`single_flight`: of identical requests at a time one goes to the service, and all get its answer.

The others wait, and get the same bytes, live: a stream's pieces reach all of them as they come.
What is identical is as for `exact`: the caller (unless `shared`), the model and what the body says,
or the URL. The first is charged for what was used; the others are charged as requests, with no
tokens and no money. Where the first goes away the request goes on for the others, and the next of
them is charged. Where it fails in a way that another try may not, one of the others tries, at most
twice; an error that is the request's own fault is everyone's.

A follower waits for the head of the answer for `wait`, and then asks for itself. Whose client reads
so slowly that more than `buffer` waits for it is cut off. Requests are compared within a worker;
among workers and replicas, `exact` before this policy keeps what the first of each has got. An
answer that sets cookies, or says `private` or `no-store`, is the first one's alone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta

from sluicegate.exchange import Response
from sluicegate.headers import Headers
from sluicegate.journey.cache.caching import Wish
from sluicegate.journey.cache.flight import Flight
from sluicegate.journey.cache.follower import AGAIN, ALONE, DONE, FAILED, Follower
from sluicegate.journey.cache.keys import Keys, check_names
from sluicegate.journey.cache.telling import forget, tell
from sluicegate.model.resource import FieldFault
from sluicegate.model.units import Duration, Size
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

TRIES: Final = 3
"""Flights that one exchange follows: the first, and two after one that failed."""
ROLES: Final = ("led", "joined", "bypass", "handed_over", "alone", "slow")
LEAST_BUFFER: Final = 65_536


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Which requests wait for each other, and for how long."""

    shared: Annotated[
        bool, Meta(description="Requests of all callers, rather than each one's own.")
    ] = False
    vary: Annotated[
        list[str], Meta(description="Headers of requests that the answer depends on.")
    ] = []
    tools: Annotated[bool, Meta(description="Also calls with tools.")] = False
    wait: Annotated[
        Duration,
        Meta(
            description="For the head of somebody else's answer; then a request goes by itself. "
            "nginx `proxy_cache_lock_timeout`: 5 s, but a model's whole answer takes longer."
        ),
    ] = Duration(60)
    buffer: Annotated[
        Size,
        Meta(
            description="How far a client may be behind; and the most that has passed where a "
            "request can still join. At least 64KiB."
        ),
    ] = Size(1048576)

    def __post_init__(self) -> None:
        """Refuse what nobody could follow."""
        if not self.wait:
            raise FieldFault(("wait",), "found 0; expected a time above it")
        if self.buffer < LEAST_BUFFER:
            raise FieldFault(("buffer",), f"found {self.buffer}; expected at least 64KiB")
        check_names(self.vary)


class Policy:
    """Knows the requests that are under way."""

    __slots__ = ("_aside", "_buffer", "_flights", "_keys", "_roles", "_wait_s")

    def __init__(self, config: Config, parts: Parts) -> None:
        """Start with none."""
        self._keys = Keys(config.vary, shared=config.shared, tools=config.tools)
        self._buffer = int(config.buffer)
        self._wait_s = float(config.wait)
        self._aside = parts.aside
        self._flights: dict[bytes, Flight] = {}
        roles = parts.metrics.family(
            "sluicegate_single_flight_total",
            "counter",
            "Requests of the policy `single_flight`: `led`, went to the service; `joined` another; "
            "`bypass`, like no other. Of those that joined: `handed_over` after a failure, `alone` "
            "after waiting, or `slow` and cut off.",
            ("scope", "role"),
        )
        self._roles = {each: roles.cell(parts.scope, each) for each in ROLES}

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Follow a request like this one, or begin one."""
        key = None
        if Wish(exchange.request.headers).reads:
            key = await self._keys.of(exchange)
        if key is None:
            self._roles["bypass"].value += 1
            await onward(exchange)
            return
        became = AGAIN
        for left in reversed(range(TRIES)):
            became = await self._follow(exchange, onward, key, last=left == 0)
            if became != AGAIN:
                break
            self._roles["handed_over"].value += 1
        if became == ALONE:
            self._roles["alone"].value += 1
            await onward(exchange)
        elif exchange.held:
            await exchange.finish_whole()

    async def _follow(self, exchange: Exchange, onward: Onward, key: bytes, *, last: bool) -> int:
        """Follow a flight to its end; return what became of it."""
        flight = self._flights.get(key)
        first = flight is None or not flight.open
        if flight is None or first:
            flight = self._begin(exchange, onward, key)
        self._roles["led" if first else "joined"].value += 1
        follower = Follower(exchange, flight, first=first, last=last)
        timer = None
        if not first:
            exchange.tap = None  # what the first one's policies keep, nobody else's need to
            left_s = exchange.deadline - exchange.clock.monotonic()
            timer = exchange.clock.after(min(self._wait_s, max(0.0, left_s)), follower.go_alone)
        try:
            flight.add(follower)
            became = await follower.done
            if became == FAILED:
                self._fail(exchange, flight)
            return became
        finally:
            if timer is not None:
                timer.cancel()
            await self._leave(exchange, flight, follower)

    def _begin(self, exchange: Exchange, onward: Onward, key: bytes) -> Flight:
        flight = self._flights[key] = Flight(exchange, self._buffer, self._keys.known)
        task = asyncio.get_running_loop().create_task(flight.run(onward))
        flight.task = task
        self._aside.add(task)

        def over(done: asyncio.Task[None]) -> None:
            self._aside.discard(done)
            if self._flights.get(key) is flight:
                del self._flights[key]

        task.add_done_callback(over)
        return flight

    def _fail(self, exchange: Exchange, flight: Flight) -> None:
        """Answer with what went wrong, each exchange under its own id."""
        head, body = flight.head, b"".join(flight.pieces)
        if flight.error is not None or head is None:
            raise flight.error or RuntimeError("a flight that failed for no reason")
        if flight.copy.problem is None:  # the service's own words
            exchange.head(Response(head.status, Headers(head.headers), head.length), None)
            exchange.chunk(body)
            exchange.end(None)
            return
        own = exchange.request.request_id.encode()
        theirs = flight.copy.request.request_id.encode()
        exchange.problem = flight.copy.problem
        exchange.respond(head.status, list(head.headers), body.replace(theirs, own))

    async def _leave(self, exchange: Exchange, flight: Flight, follower: Follower) -> None:
        """Go; whoever pays hears what it was, and the last one ends what is under way."""
        paid = flight.payer is follower
        flight.leave(follower)
        if follower.slow:
            self._roles["slow"].value += 1
        if flight.payer is follower:
            await flight.close()
            tell(flight.copy, exchange, pays=True)
        elif paid or follower.slow or not follower.done.done() or follower.done.cancelled():
            forget(exchange)
        elif follower.done.exception() is not None or follower.done.result() in (DONE, FAILED):
            tell(flight.copy, exchange, pays=False)
