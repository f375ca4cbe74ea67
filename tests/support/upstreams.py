"""A scripted upstream: answers with given bytes, and keeps what it received, byte for byte.

    async def script(talk: Talk) -> None:      # once per connection
        await talk.request()                   # waits for a whole request, and records it
        await talk.send(response(body=b"hi"))  # whatever bytes; talk.reset(), talk.stall(), …

    upstream = Upstream(script)                # await upstream.start(); …; await upstream.stop()
    with in_thread(Upstream(script)) as up:    # from a test that is not async

`answering(b"…", b"…")` is a script that gives these answers in turn, the last one for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from support.raw_http import reset_on_close

Fields = list[tuple[bytes, bytes]]


@dataclass
class Received:
    """One request as the upstream saw it. Header names as they were sent."""

    line: bytes
    headers: Fields
    connection: int
    """Number of the connection that it came on, from 0."""
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    raw_head: bytes = b""

    @property
    def method(self) -> bytes:
        """The request's method."""
        return self.line.split(b" ")[0]

    @property
    def target(self) -> bytes:
        """The request target, as sent."""
        return self.line.split(b" ")[1]

    def all(self, name: bytes) -> list[bytes]:
        """Return every value of header `name`, in any case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: bytes) -> bytes | None:
        """Return the first value of header `name`, in any case."""
        return next(iter(self.all(name)), None)


class Talk:
    """One connection to the upstream, as its script sees it."""

    def __init__(
        self,
        upstream: Upstream,
        number: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.upstream = upstream
        self.number = number
        self.reader = reader
        self.writer = writer

    async def head(self) -> Received:
        """Read and record a request head. Its body is left to `body`.

        Raises asyncio.IncompleteReadError at the end of the connection, which ends a script.
        """
        raw = await self.reader.readuntil(b"\r\n\r\n")
        line, *lines = raw[:-4].split(b"\r\n")
        received = Received(line, _fields(lines), self.number, raw_head=raw)
        self.upstream.requests.append(received)
        return received

    async def request(self) -> Received:
        """Read and record a whole request."""
        received = await self.head()
        await self.body(received)
        return received

    async def body(self, received: Received) -> None:
        """Read the body that belongs to `received` into it."""
        length = received.get(b"content-length")
        if b"chunked" in (received.get(b"transfer-encoding") or b""):
            while data := await self._chunk():
                received.body += data
            while line := (await self.reader.readuntil(b"\r\n"))[:-2]:
                received.trailers += _fields([line])
        elif length is not None:
            received.body = await self.reader.readexactly(int(length))

    async def send(self, data: bytes) -> None:
        """Send `data` as it is, and wait until the kernel has room for more.

        Raises ConnectionResetError once the gateway has ended the connection.
        """
        if self.writer.is_closing():
            raise ConnectionResetError
        self.writer.write(data)
        await self.writer.drain()

    async def stall(self) -> None:
        """Do nothing until the upstream stops."""
        await asyncio.Event().wait()

    async def gone(self) -> bytes:
        """Wait until the gateway closes; return what it sent until then."""
        return await self.reader.read(-1)

    def reset(self) -> None:
        """End the connection with RST."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        reset_on_close(sock)
        self.writer.transport.abort()

    async def close(self) -> None:
        """End the connection with FIN."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def _chunk(self) -> bytes:
        size = int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if not size:
            return b""
        return (await self.reader.readexactly(size + 2))[:-2]


Script = Callable[[Talk], Awaitable[None]]


class Upstream:
    """Runs `script` once per connection on a loopback port."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.port = 0
        self.requests: list[Received] = []
        self.connections = 0
        self.open = 0
        self.failures: list[BaseException] = []
        """What scripts raised, but for the end of a connection; `stop` raises the first."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The target's URL for a configuration."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen on a free port (or on the one of before, after a `stop`)."""
        self._server = await asyncio.start_server(
            self._talk, "127.0.0.1", self.port, limit=1 << 20, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End every connection and stop listening."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.failures:
            raise self.failures[0]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        talk = Talk(self, self.connections, reader, writer)
        self.connections += 1
        self.open += 1
        try:
            await self.script(talk)
        except (OSError, EOFError, asyncio.CancelledError):
            writer.transport.abort()
        except Exception as error:  # noqa: BLE001 - kept, and raised by stop()
            self.failures.append(error)
            writer.transport.abort()
        finally:
            self.open -= 1
            writer.close()
            self._tasks.discard(task)


def _fields(lines: list[bytes]) -> Fields:
    pairs = (line.partition(b":") for line in lines)
    return [(name, value.strip(b" \t")) for name, _, value in pairs]


def response(
    status: int = 200, headers: dict[str, str] | None = None, body: bytes = b"", reason: str = "OK"
) -> bytes:
    """Write a response with a Content-Length that is true."""
    lines = [f"HTTP/1.1 {status} {reason}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(*pieces: bytes, headers: dict[str, str] | None = None, trailers: str = "") -> bytes:
    """Write a 200 in chunks; `trailers` as whole lines, each ended by CRLF."""
    lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    head = "\r\n".join([*lines, "", ""]).encode()
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + body + b"0\r\n" + trailers.encode() + b"\r\n"


def answering(*answers: bytes) -> Script:
    """Make a script that reads requests and gives `answers` in turn, the last one for ever.

    The turn is the upstream's, not the connection's.
    """
    left = list(answers)

    async def script(talk: Talk) -> None:
        while True:
            await talk.request()
            await talk.send(left.pop(0) if len(left) > 1 else left[0])

    return script


async def echo(talk: Talk) -> None:
    """Answer every request with its own head and body (a script)."""
    while True:
        received = await talk.request()
        await talk.send(response(body=received.raw_head + received.body))


async def reset(talk: Talk) -> None:
    """Read a request and reset the connection (a script)."""
    await talk.request()
    talk.reset()


async def silent(talk: Talk) -> None:
    """Read a request and never answer (a script)."""
    await talk.request()
    await talk.gone()
