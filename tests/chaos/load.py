"""A load of our own: requests at a steady rate, whatever comes of them, over kept connections.

Each request has an id, by which it is found again in what the targets have read and in the access
log. The rate does not wait for answers (an open loop): what is slow does not hide by slowing us.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

KIB = 1024
LARGE = 96 * KIB
"""More than the 64 KiB that the gateway keeps to send again."""
PATIENCE_S = 20.0
AGAIN_S = (0.1, 0.3)
"""How long a client that insists waits between two tries, at random."""

SAID = 120
"""Bytes at the begin of an answer that are looked at, or kept."""
ANOTHERS = "anothers-answer"
"""In place of a problem: the answer belongs to another request."""


class Kind(NamedTuple):
    """What a request is and asks for: an answer of so many bytes, or a stream of so many events."""

    method: str
    body_bytes: int = 0
    answer_bytes: int = 0
    events: int = 0


Mix = tuple[tuple[Kind, int], ...]
"""Kinds and their shares."""
MIX: Mix = (
    (Kind("GET"), 45),
    (Kind("GET", answer_bytes=16 * KIB), 10),
    (Kind("POST", KIB), 20),
    (Kind("POST", LARGE), 5),
    (Kind("PUT", KIB), 15),
    (Kind("PUT", LARGE), 5),
)


@dataclass(slots=True)
class Result:
    """What a client saw of one request. Times are the loop's seconds."""

    name: str
    method: str
    body_bytes: int
    started: float
    ended: float = 0.0
    status: int = 0
    problem: str = ""
    whole: bool = False
    refused: bool = False
    """The gateway could not be connected to."""
    said: str = ""
    """How an answer begins that is neither a target's nor a problem of the gateway's."""
    streamed: bool = False
    reused: bool = False
    """It was sent over a connection that was there before."""

    @property
    def ok(self) -> bool:
        """Whether the target's answer has come, as a whole."""
        return self.status == 200 and self.whole

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.started


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Load:
    """Clients of the gateway on `port`; `results` holds every request, in the order of its end."""

    port: int
    seed: int = 1
    host: str = "chaos.example"
    mix: Mix = MIX
    results: list[Result] = field(default_factory=list)
    _idle: list[Ends] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def steady(self, rate: float, seconds: float) -> None:
        """Send `rate` requests a second for `seconds`; return when all have ended."""
        loop = asyncio.get_running_loop()
        began, tasks = loop.time(), []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
            tasks.append(asyncio.ensure_future(self.one()))
        await asyncio.gather(*tasks)

    @asynccontextmanager
    async def beside(self, rate: float) -> AsyncIterator[None]:
        """Send `rate` requests a second for as long as the block lasts, and wait for the rest."""
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        async def send() -> None:
            began, number, tasks = loop.time(), 0, []
            while not over.is_set():
                tasks.append(asyncio.ensure_future(self.one()))
                number += 1
                await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
            await asyncio.gather(*tasks)

        sending = asyncio.ensure_future(send())
        try:
            yield
        finally:
            over.set()
            await sending

    async def insist(self, until: float) -> None:
        """Be a client that asks, again and again, until it has its answer; gives up at `until`."""
        kind = self._draw()
        while asyncio.get_running_loop().time() < until:
            if (await self.one(kind)).ok:
                return
            await asyncio.sleep(self._random.uniform(*AGAIN_S))

    async def one(self, kind: Kind | None = None) -> Result:
        """Send one request and keep what comes of it."""
        kind = kind or self._draw()
        loop = asyncio.get_running_loop()
        result = Result(uuid.uuid4().hex, kind.method, kind.body_bytes, loop.time())
        result.streamed = bool(kind.events)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._exchange(result, kind)
        except (OSError, EOFError, TimeoutError):
            pass  # what there is of an answer is in the result
        result.ended = loop.time()
        self.results.append(result)
        return result

    async def close(self) -> None:
        """End the kept connections."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    def _draw(self) -> Kind:
        shares = [share for _, share in self.mix]
        return self._random.choices(self.mix, shares)[0][0]

    async def open(self) -> Ends:
        """Connect to the gateway; raises OSError."""
        return await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)

    async def _exchange(self, result: Result, kind: Kind) -> None:
        reader, writer = await self._connection(result)
        kept = False
        try:
            head = (
                f"{kind.method} /?bytes={kind.answer_bytes}&events={kind.events} HTTP/1.1\r\n"
                f"Host: {self.host}\r\nX-Request-Id: {result.name}\r\n"
            )
            if result.body_bytes:
                head += f"Content-Length: {result.body_bytes}\r\n"
            writer.write(head.encode() + b"\r\n" + bytes(result.body_bytes))
            sending = asyncio.ensure_future(_drained(writer))
            try:
                kept = await _answer(reader, result)
            finally:
                sending.cancel()
        finally:
            if kept:
                self._idle.append((reader, writer))
            else:
                writer.transport.abort()

    async def _connection(self, result: Result) -> Ends:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                result.reused = True
                return reader, writer
            writer.transport.abort()
        try:
            return await self.open()
        except OSError:
            result.refused = True
            raise


async def _drained(writer: asyncio.StreamWriter) -> None:
    """Send the rest of a request beside reading: its answer may come before its end."""
    with suppress(OSError):
        await writer.drain()


async def _answer(reader: asyncio.StreamReader, result: Result) -> bool:
    """Read one answer into `result`; returns whether the connection can be used again."""
    head = (await reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1").lower()
    line, *lines = head.split("\r\n")
    fields = dict(each.split(": ", 1) for each in lines)
    result.status = int(line.split(" ")[1])
    chunked = "chunked" in fields.get("transfer-encoding", "")
    length = int(fields.get("content-length", "0"))
    body = await (_chunks(reader) if chunked else reader.readexactly(length))
    if result.status == 200:
        result.whole = result.name.encode() in body[:SAID]
        result.problem = "" if result.whole else ANOTHERS
    else:
        result.whole = True
        result.said = body[:SAID].decode("latin-1")
        if fields.get("content-type") == "application/problem+json":
            result.problem = json.loads(body)["type"].rpartition(":")[2]
            result.said = ""
    return fields.get("connection") != "close"


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """Read a chunked body to its end; raises EOFError where it has none."""
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body
