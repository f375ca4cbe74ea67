"""Keeping one server: calls go over its connection while it answers, and nowhere otherwise.

    CLOSED ── a deadline passed, or the connection is lost ──> OPEN
    OPEN ──── a probe was answered in time ──────────────────> CLOSED

Open, calls fail at once. A probe is a new connection that greets and pings. The first one follows
after about 30 ms, for most stalls are short; each next one after twice that, up to 250 ms; give or
take half of it at random, so that workers do not come back all at once. A connection that does not
serve for a second resets nothing. Where one that did is lost with no call late, a probe is made at
once: servers close what is idle.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

import structlog

from sluicegate.errors import StateAway

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.clock import Clock
    from sluicegate.metrics import Cell, Metrics
    from sluicegate.state.redis.address import Endpoint
    from sluicegate.state.redis.connection import Connection
    from sluicegate.state.redis.dial import Dial

FIRST_PROBE_S, PROBE_S = 0.03, 0.25
"""Before the first probe, and between later ones: a tenth of the fastest failover by Sentinel."""
SERVED_S: Final = 1.0
"""A connection that lasts so long was a good one."""
ANSWERS: Final = ""
REFUSED_S: Final = 10.0
"""After so long without another refusal nothing is known of a server that is not asked any more."""


def state_up(metrics: Metrics) -> Cell:
    """Declare the gauge, or get it where it is there already."""
    return metrics.family(
        "sluicegate_state_up",
        "gauge",
        "1 while every server of the state that is needed answers in time, and not with errors.",
        merge="min",
    ).cell()


class Watch:
    """What the gateway says of the servers it counts on: a gauge, and a log line on each change."""

    def __init__(self, metrics: Metrics) -> None:
        """Declare the gauge; nothing is up before something is.

        `refusing` are the servers that answered a call with an error and have done none since, and
        when that was.
        """
        self._up = state_up(metrics)
        self._known: dict[object, str] = {}
        self.refusing: dict[str, float] = {}

    def tell(self, server: object, name: str, reason: str) -> None:
        """Take note that a server answers (no reason), or why it does not."""
        before = self._known.get(server)
        self._known[server] = reason
        self._set()
        if not reason:
            if before:
                structlog.get_logger().info("state_back", server=name)
        elif before != reason:
            structlog.get_logger().warning("state_away", server=name, reason=reason)

    def found(self, seeker: object, name: str) -> None:
        """Take note that who sought servers has found them: from now on they are told of."""
        if self._known.get(seeker):
            structlog.get_logger().info("state_back", server=name)
        self.forget(seeker)

    def forget(self, server: object, name: str = "") -> None:
        """Look at it no longer."""
        self._known.pop(server, None)
        self.refusing.pop(name, None)
        self._set()

    def refuses(self, name: str, now_s: float) -> None:
        """Take note that a server answered a call with an error."""
        self.refusing[name] = now_s
        self._set()

    def accepts(self, name: str, now_s: float) -> None:
        """Take note that a server did what it was asked."""
        self.refusing.pop(name, None)
        for other in [each for each, at_s in self.refusing.items() if now_s - at_s >= REFUSED_S]:
            del self.refusing[other]
        self._set()

    def _set(self) -> None:
        answer = bool(self._known) and not any(self._known.values())
        self._up.value = float(answer and not self.refusing)


class Breaker:
    """One server, from `start` to `close`. `live` is its connection while it answers, else None."""

    __slots__ = (
        "_clock",
        "_dial",
        "_gone",
        "_jitter",
        "_primary",
        "_retired",
        "_since",
        "_task",
        "_tried",
        "_watch",
        "endpoint",
        "live",
        "on_live",
        "reason",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        dial: Dial,
        clock: Clock,
        watch: Watch,
        *,
        primary: bool = True,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`primary`: a replica at this place counts as away. Needs a running loop from `start` on.

        `on_live` is called with each new connection before any other call uses it.
        """
        self.endpoint = endpoint
        self._dial = dial
        self._clock = clock
        self._watch = watch
        self._primary = primary
        self._jitter = jitter
        self.live: Connection | None = None
        self.reason = "not connected yet"
        self.on_live: Callable[[Connection], None] | None = None
        # Those that take no more calls, and wait for the answers of some.
        self._retired: list[Connection] = []
        self._since = 0.0
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._gone = asyncio.Event()

    async def start(self) -> None:
        """Connect; returns once that was tried, which takes `connect_timeout` at most."""
        self.begin()
        await self._tried.wait()

    def begin(self) -> None:
        """Connect in the background."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep())
            self._task.add_done_callback(lambda _: self._tried.set())

    def connection(self) -> Connection:
        """Return the connection for calls; raises StateAway at once where there is none."""
        live = self.live
        if live is None:
            raise StateAway(self.reason)
        return live

    def ended(self, connection: Connection, reason: str) -> None:
        """Open: the connection takes no more calls."""
        self._retired = [each for each in self._retired if not each.is_closed]
        if not connection.is_closed:
            self._retired.append(connection)
        if connection is self.live:
            self.live = None
            self.reason = reason
            self._watch.tell(self, str(self.endpoint), reason)
            self._gone.set()

    def close(self) -> None:
        """Close its connections, and probe no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        live, self.live = self.live, None
        self.reason = "closed"
        if live is not None:
            live.close()
        for each in self._retired:
            each.close()
        self._retired.clear()
        self._tried.set()
        self._watch.forget(self, str(self.endpoint))

    async def _keep(self) -> None:
        pause_s = FIRST_PROBE_S
        while True:
            try:
                connection = await self._dial.open(self.endpoint, self, primary=self._primary)
            except StateAway as error:
                self.reason = str(error)
                self._watch.tell(self, str(self.endpoint), self.reason)
                self._tried.set()
            else:
                if await self._serve(connection):
                    pause_s = FIRST_PROBE_S
                    if connection.lost:
                        continue
            await self._clock.sleep(pause_s * (0.5 + self._jitter()))
            pause_s = min(PROBE_S, pause_s * 2)

    async def _serve(self, connection: Connection) -> bool:
        """Let calls use it until it ends; return whether it has served for long."""
        if connection.has_ended:
            return False
        self._gone.clear()
        self.live = connection
        self.reason = ANSWERS
        self._since = self._clock.monotonic()
        if self.on_live is not None:
            self.on_live(connection)
        self._watch.tell(self, str(self.endpoint), ANSWERS)
        self._tried.set()
        await self._gone.wait()
        return self._clock.monotonic() - self._since >= SERVED_S
