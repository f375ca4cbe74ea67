"""One check of one target: a GET of its own, or a connection and nothing more.

It goes the way that requests go: the same pool, so the same resolver, the same choice among a
name's addresses and the same TLS settings. It never waits for a kept connection and keeps none, for
what is asked is whether a new one can be had. A redirect is an answer like any other and is never
followed; the body is read, for a target that is cut off logs it, but no more than a bound.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sluicegate.errors import UpstreamAnswered, UpstreamReset, UpstreamTimeout
from sluicegate.metrics import Cell
from sluicegate.model.resilience import listed
from sluicegate.model.service import Pool as PoolConfig
from sluicegate.model.service import Timeouts
from sluicegate.model.units import Duration
from sluicegate.upstream.pool import Pool

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.headers import Headers
    from sluicegate.model.service import Service, Target
    from sluicegate.upstream.contexts import ClientContexts
    from sluicegate.upstream.resolve import Resolver
    from sluicegate.wire.deadlines import Deadlines

MAX_BODY_BYTES = 65_536
"""Of an answer to a check. What is longer is not read to its end, and the status decides."""
LONGEST_S = 10.0
"""For a check whose `timeout` is 0: without any bound one that hangs would be the last."""
PROBE_S = 1.0
"""For a connection that only asks whether a target is back."""
UNBOUNDED = Timeouts(
    connect=Duration(0), first_byte=Duration(0), idle=Duration(0), total=Duration(0)
)
"""The one bound on a check is on the whole of it."""
FIRST_FINAL = 200


class TargetCheck:
    """How one target is asked. Keeps no connection; remembers which address had its turn."""

    __slots__ = ("_check", "_clock", "_deadlines", "_host", "_pool", "_statuses", "_within_s")

    def __init__(
        self,
        entry: Target,
        config: Service,
        clock: Clock,
        resolver: Resolver,
        deadlines: Deadlines,
        contexts: ClientContexts,
    ) -> None:
        """Prepare; nothing connects yet."""
        self._check = check = config.check
        self._clock = clock
        self._deadlines = deadlines
        self._pool = Pool.to(
            entry.url,
            config.tls,
            PoolConfig(max_idle=0, dns_refresh=config.pool.dns_refresh),
            contexts,
            resolver,
            deadlines,
            Cell(),  # connections of checks are no traffic
        )
        self._host = urlsplit(entry.url).netloc
        if check is None:
            self._statuses: frozenset[int] = frozenset()
            self._within_s = min(float(config.timeouts.connect) or PROBE_S, PROBE_S)
        else:
            self._statuses = listed(check.statuses)
            self._host = check.host or self._host
            self._within_s = float(check.timeout) or LONGEST_S

    async def make(self) -> None:
        """Return when the target is well. Raises UpstreamError that says what it is, in time."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - narrows the type
        late = False

        def give_up() -> None:
            nonlocal late
            late = task.cancel()

        timer = self._clock.after(self._within_s, give_up)
        try:
            await self._ask()
        except asyncio.CancelledError:
            if late:
                task.uncancel()
                raise UpstreamTimeout(f"nothing within {self._within_s:g} s") from None
            raise
        finally:
            timer.cancel()

    async def _ask(self) -> None:
        connection = await self._pool.connect(0)
        try:
            if self._check is None or self._check.path is None:
                return
            if connection.closed:
                raise UpstreamReset("the target closed the connection")
            answer = _Answer(asyncio.get_running_loop().create_future())
            head = self._head(self._check.path)
            connection.start(
                answer, head, UNBOUNDED, inf, head_only=False, whole=True, chunked=False
            )
            status = await answer.outcome
            if not isinstance(status, int):
                raise status
            if status not in self._statuses:
                raise UpstreamAnswered(status)
        finally:
            if not connection.closed:
                connection.abandon()

    def _head(self, path: str) -> bytes:
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {self._host}",
            "User-Agent: sluicegate-check",
            "Accept: */*",
            "Connection: close",
            "",
            "",
        )
        return "\r\n".join(lines).encode("ascii")


class _Answer:
    """Takes the response to a check: only its status matters. A `Receiver` of the connection."""

    __slots__ = ("_read", "_seen", "outcome")

    def __init__(self, outcome: asyncio.Future[int | Exception]) -> None:
        """`outcome` gets the status of a whole answer, or the error in place of one."""
        self.outcome = outcome
        self._seen = self._read = 0

    def on_informational(self, status: int, headers: Headers) -> None:
        """Wait on: the answer is yet to come."""

    def on_response(self, status: int, headers: Headers, length: int | None) -> None:  # noqa: ARG002
        """Keep the status. A 101 has no end, and nobody has asked for one."""
        self._seen = status
        if status < FIRST_FINAL:
            self.on_complete(None)

    def on_data(self, data: bytes) -> None:
        """Count and discard."""
        self._read += len(data)
        if self._read > MAX_BODY_BYTES:
            self.on_complete(None)

    def on_pause(self) -> None:
        """Let it go on."""

    def on_complete(self, trailers: Headers | None) -> None:  # noqa: ARG002 - a Receiver's signature
        """Say what was seen."""
        self._end(self._seen)

    def on_error(self, error: Exception) -> None:
        """Pass the error on."""
        self._end(error)

    def on_writable(self, writable: bool) -> None:  # noqa: FBT001 - a Receiver's signature
        """Be content: all has been written."""

    def _end(self, outcome: int | Exception) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)
