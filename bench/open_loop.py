"""Load that does not wait for answers: each request is sent when it is due.

A generator that waits for an answer before it sends the next request sends least when the server is
slowest, and so leaves out the worst. Here times are counted from when a request was due, so that
what it waited for on our side is part of them too (Tene, "How NOT to Measure Latency").
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

GIVE_UP_S = 30.0
"""What is not answered so long after the last request was due has failed."""
STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3})")
LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)
LAST = re.compile(rb"\r\nconnection: close\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Arrival:
    """A request to come: when, in seconds from the start, and whether it is a critical one.

    `fields` are further lines of its head, each with its end.
    """

    due_s: float
    critical: bool = False
    fields: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What became of a request. `took_s` is from when it was due; `status` 0: nothing came."""

    took_s: float
    status: int
    critical: bool = False


def arrivals(rate: float, seconds: float, random: Random, critical: float = 0.0) -> list[Arrival]:
    """Draw `rate` requests a second, each by itself; a share of them `critical` (0 to 1)."""
    drawn: list[Arrival] = []
    due_s = random.expovariate(rate)
    while due_s < seconds:
        drawn.append(Arrival(due_s, random.random() < critical))
        due_s += random.expovariate(rate)
    return drawn


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the least value that `percent` of all do not pass; NaN where there is none."""
    if not values:
        return math.nan
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(0, rank - 1)]


class Ledger:
    """Which requests were due when, and what became of them."""

    def __init__(self, began: float) -> None:
        """`began` is when the first second of the load begins, on the clock of all other times."""
        self.began = began
        self.answers: list[Answer] = []

    def settle(self, arrival: Arrival, status: int, now: float) -> None:
        """Enter what came of a request, `now`."""
        took_s = now - self.began - arrival.due_s
        self.answers.append(Answer(took_s, status, arrival.critical))


class OpenLoop:
    """One run of load. Connections are kept; as many are opened as it takes."""

    def __init__(self, port: int, plan: Sequence[Arrival]) -> None:
        """Prepare to send `plan` to the gateway at `port`."""
        self._port = port
        self._plan = plan
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()

    async def run(self) -> list[Answer]:
        """Send everything; return when all is answered, or too late to wait for."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._done = asyncio.Event()
        self._ledger = Ledger(loop.time() + 0.1)
        for arrival in self._plan:
            loop.call_at(self._ledger.began + arrival.due_s, self._send, arrival)
        last_s = self._plan[-1].due_s if self._plan else 0.0
        try:
            async with asyncio.timeout_at(self._ledger.began + last_s + GIVE_UP_S):
                if self._plan:
                    await self._done.wait()
        except TimeoutError:
            pass
        await asyncio.gather(*self._opening)
        for connection in list(self._open):
            connection.transport.abort()
        await asyncio.sleep(0)  # now they are lost: what they still waited for was not answered
        return self._ledger.answers

    def settle(self, arrival: Arrival, status: int) -> None:
        """Enter what came of a request."""
        self._ledger.settle(arrival, status, self._loop.time())
        if len(self._ledger.answers) == len(self._plan):
            self._done.set()

    def made(self, connection: _Connection) -> None:
        """Take notice of a connection that is open."""
        self._open.add(connection)

    def free(self, connection: _Connection) -> None:
        """Keep a connection for the next request."""
        self._idle.append(connection)

    def lost(self, connection: _Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _send(self, arrival: Arrival) -> None:
        if self._idle:
            self._idle.pop().send(arrival)
            return
        task = self._loop.create_task(self._open_for(arrival))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open_for(self, arrival: Arrival) -> None:
        try:
            _, connection = await self._loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self._port
            )
        except OSError:
            self.settle(arrival, 0)
        else:
            connection.send(arrival)


class _Connection(asyncio.Protocol):
    """One request at a time."""

    transport: asyncio.Transport

    def __init__(self, load: OpenLoop) -> None:
        self._load = load
        self._arrival: Arrival | None = None
        self._received = b""

    def send(self, arrival: Arrival) -> None:
        self._arrival = arrival
        level = b"x-priority: critical\r\n" if arrival.critical else b""
        lines = b"GET /bench HTTP/1.1\r\nhost: bench\r\n" + level + arrival.fields
        self.transport.write(lines + b"\r\n")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._load.made(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        head += b"\r\n"
        status, length = STATUS.match(head), LENGTH.search(head)
        if status is None or length is None:
            self.transport.abort()
        elif len(body) >= int(length[1]):
            self._settle(int(status[1]))
            if LAST.search(head):
                self.transport.close()
            else:
                self._load.free(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._load.lost(self)
        self._settle(0)

    def _settle(self, status: int) -> None:
        self._received = b""
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            self._load.settle(arrival, status)


def run(port: int, plan: Sequence[Arrival]) -> list[Answer]:
    """Send `plan` to the gateway at `port`, and wait for the answers."""
    return asyncio.run(OpenLoop(port, plan).run())
