"""Clients that ask for more than they may, at a rate of their own: an open loop.

Each request has an id, by which it is found again in what the oracle has read. Every client keeps
its connection and the next request goes over the one that has rested longest, so that all of them,
and with them all workers, get their part.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PATIENCE_S = 20.0
PROBLEM = "application/problem+json"
REFUSED = -1
"""In place of a status: nobody could be connected to."""


@dataclass(slots=True)
class Result:
    """What a client saw of one request. `status` 0: no answer. Times are µs since 1970."""

    name: str
    asker: str
    replica: int
    sent_us: int
    ended_us: int = 0
    status: int = 0
    problem: str = ""
    degraded: bool = False

    @property
    def took_ms(self) -> float:
        """How long it took."""
        return (self.ended_us - self.sent_us) / 1000


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks at `path`, `rate` times a second, each replica according to its weight.

    `abandons_s`: clients that go away so long after they have asked (0: none do).
    """

    name: str
    path: str
    rate: float
    weights: Sequence[float] = ()
    abandons_s: float = 0.0


@dataclass
class Load:
    """Clients of the replicas at `ports`, `clients` of each at first and more where all wait."""

    ports: list[int]
    clients: int = 34
    seed: int = 1
    results: list[Result] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._idle: list[deque[_Client]] = [deque() for _ in self.ports]
        self._open: set[_Client] = set()
        self._under_way: set[asyncio.Task[Result]] = set()
        self.gone: set[int] = set()

    def __contains__(self, client: _Client) -> bool:
        """Say whether a connection can be used again."""
        return client in self._open

    async def connect(self, replica: int) -> None:
        """Open the connections of a replica's clients ahead of need."""
        wanted = self.clients - len(self._idle[replica])
        opened = await asyncio.gather(*(self._opened(replica) for _ in range(wanted)))
        self._idle[replica].extend(opened)

    def leave(self, replica: int) -> None:
        """Send nothing more to a replica, as a balancer that knows that it is going."""
        self.gone.add(replica)

    def add(self, port: int) -> int:
        """Take in another replica; returns its number."""
        self.ports.append(port)
        self._idle.append(deque())
        return len(self.ports) - 1

    async def one(self, asker: Asker, replica: int | None = None) -> Result:
        """Ask once and keep what comes of it."""
        if replica is None:
            replica = self._draw(asker)
        result = Result(uuid.uuid4().hex, asker.name, replica, _now_us())
        try:
            async with asyncio.timeout(asker.abandons_s or PATIENCE_S):
                await self._exchange(asker, result)
        except ConnectionRefusedError:
            result.status = REFUSED
        except (OSError, TimeoutError):
            pass  # what there is of an answer is in the result
        result.ended_us = _now_us()
        self.results.append(result)
        return result

    async def at_once(self, asker: Asker, count: int) -> list[Result]:
        """Ask so often at the same instant; returns when all have ended."""
        return await asyncio.gather(*(self.one(asker) for _ in range(count)))

    @asynccontextmanager
    async def beside(self, *askers: Asker) -> AsyncIterator[None]:
        """Ask for as long as the block lasts, and wait for the rest."""
        asking = [asyncio.ensure_future(self._ask(each)) for each in askers]
        try:
            yield
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            await asyncio.gather(*self._under_way)

    async def close(self) -> None:
        """End the kept connections."""
        for client in list(self._open):
            client.abort()
        await asyncio.sleep(0)

    async def _ask(self, asker: Asker) -> None:
        loop = asyncio.get_running_loop()
        began, number = loop.time() + self._random.random() / asker.rate, 0
        while True:
            await asyncio.sleep(max(0.0, began + number / asker.rate - loop.time()))
            number += 1
            task = loop.create_task(self.one(asker))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    def _draw(self, asker: Asker) -> int:
        if asker.weights:
            return self._random.choices(range(len(asker.weights)), asker.weights)[0]
        return self._random.choice([n for n in range(len(self.ports)) if n not in self.gone])

    async def _exchange(self, asker: Asker, result: Result) -> None:
        idle = self._idle[result.replica]
        client = None
        while idle and client is None:
            rested = idle.popleft()
            client = rested if rested in self else None
        if client is None:
            client = await self._opened(result.replica)
        try:
            whole = await client.ask(asker.path, result)
        except BaseException:
            client.abort()
            raise
        if whole:
            idle.append(client)
        else:
            client.abort()

    async def _opened(self, replica: int) -> _Client:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(
            lambda: _Client(self._open), "127.0.0.1", self.ports[replica]
        )
        return client


class _Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, among: set[_Client]) -> None:
        self._among = among
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    async def ask(self, path: str, result: Result) -> bool:
        """Send a request and read its answer; returns whether the connection can be kept."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        lines = (f"GET {path} HTTP/1.1", "Host: truth.example", f"X-Request-Id: {result.name}")
        self._transport.write("\r\n".join((*lines, "", "")).encode())
        answer = await self._answer
        head, _, body = answer.partition(b"\r\n\r\n")
        fields = _fields(head)
        result.status = int(head.split(b" ", 2)[1])
        result.degraded = "sluicegate-degraded" in fields
        if fields.get("content-type") == PROBLEM:
            result.problem = json.loads(body)["type"].rpartition(":")[2]
        return fields.get("connection") != "close"

    def abort(self) -> None:
        """Go away without a word."""
        self._among.discard(self)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._among.add(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) >= int(_fields(head).get("content-length", "0")):
            answer, self._received = self._received, b""
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._among.discard(self)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())


def _fields(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").lower().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines)


def _now_us() -> int:
    return time.time_ns() // 1000
