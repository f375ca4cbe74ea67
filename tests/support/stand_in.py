"""An assembly for tests of the processes alone: a data plane that answers one line per request.

    /pid        the worker's process id
    /slow       answers after the file named by STAND_IN_GATE exists
    otherwise   the name and content of every resource

The server behind `serve_app` knows no more of HTTP than the actuator needs.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sluicegate.clock import Clock
from sluicegate.errors import ConfigError, Fault
from sluicegate.exchange import Client, Exchange, Request
from sluicegate.headers import Headers
from sluicegate.metrics import Metrics
from sluicegate.process.health import HealthView
from sluicegate.settings import Settings
from sluicegate.snapshot.document import Resources, decode
from sluicegate.snapshot.policies import PolicyCatalog

REFUSED = "unusable"
"""A route of this name cannot be applied: stands for what only compiling finds."""


class DataPlane:
    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        catalog: PolicyCatalog,  # noqa: ARG002 - the signature is the real one's
        metrics: Metrics,
        write_log: Callable[[bytes], None],  # noqa: ARG002 - same
        health: HealthView | None = None,
    ) -> None:
        self.settings, self.clock, self.metrics, self.health = settings, clock, metrics, health
        self.resources: Resources | None = None
        self.in_flight = 0
        self.tls_reloads = 0
        self.draining = False
        self.servers: dict[socket.socket, asyncio.Server] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.requests = metrics.family(
            "sluicegate_requests_total", "counter", "Requests.", ("path",)
        )
        metrics.family("sluicegate_in_flight", "gauge", "Exchanges now.").cell().value = 1
        metrics.family("sluicegate_request_duration_seconds", "histogram", "Time.")

    @property
    def revision(self) -> str | None:
        return self.resources.revision if self.resources else None

    async def apply(self, resources: Resources) -> None:
        for kind, name in resources.items:
            if kind == "route" and name == REFUSED:
                raise ConfigError([Fault(f"routes.{name}", 0, "cannot be compiled")])
            decode(kind, resources.items[kind, name])
        self.resources = resources

    async def reload_tls(self) -> None:
        self.tls_reloads += 1

    async def listen(self, sock: socket.socket) -> None:
        self.servers[sock] = await asyncio.start_server(self._serve, sock=sock.dup(), backlog=1024)

    def stop_listening(self, sock: socket.socket) -> None:
        if sock in self.servers:
            self.servers.pop(sock).close()

    def begin_drain(self) -> None:
        self.draining = True

    async def drained(self, deadline_s: float) -> None:
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=deadline_s)

    async def close(self) -> None:
        for sock in list(self.servers):
            self.stop_listening(sock)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self._answer(reader, writer)
        finally:
            self.tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        self.requests.cell(path).value += 1
        self.metrics.family("sluicegate_request_duration_seconds", "histogram", "").histogram(
        ).observe(0.01)
        status, body = 200, str(os.getpid()).encode()
        if path == "/slow":
            gate = Path(os.environ["STAND_IN_GATE"])
            gate.with_suffix(".seen").touch()
            while not gate.exists():
                await asyncio.sleep(0.01)
        elif path == "/names" and self.resources is not None:
            body = b" ".join(sorted(name.encode() for _, name in self.resources.items))
        elif self.health is not None and (found := self.health.answer(path)) is not None:
            status, body = found
        close = b"connection: close\r\n" if self.draining else b""
        writer.write(
            b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n%s\r\n%s" % (status, len(body), close, body)
        )
        await writer.drain()


class AppServer:
    """HTTP/1.1 to an exchange and back; one request per connection."""

    def __init__(self, handle: Callable[[Exchange], Awaitable[None]], clock: Clock) -> None:
        self.handle, self.clock = handle, clock
        self.server: asyncio.Server | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        request = Request()
        request.method, request.path, _ = head[0].split()
        pairs = [line.split(": ", 1) for line in head[1:] if line]
        request.headers = Headers((k.lower().encode(), v.encode()) for k, v in pairs)
        request.host = (request.headers.get(b"host") or b"").decode().rpartition(":")[0]
        request.request_id = "test"
        sink = Writer(writer)
        nothing: Any = None
        exchange = Exchange(request, Client("127.0.0.1", 1, "http", 1), sink, nothing, 0.0)
        await self.handle(exchange)
        writer.close()

    async def close(self) -> None:
        assert self.server is not None
        self.server.close()


class Writer:
    """A sink that writes to a stream."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer

    def send_head(self, exchange: Exchange) -> None:
        response = exchange.response
        assert response is not None
        lines = [b"HTTP/1.1 %d X" % response.status, b"content-length: %d" % (response.length or 0)]
        lines += [b"%s: %s" % pair for pair in response.headers]
        self.writer.write(b"\r\n".join(lines) + b"\r\n\r\n")

    def send_body(self, data: bytes) -> None:
        self.writer.write(data)

    def send_end(self, trailers: Headers | None) -> None:
        """Nothing to do: the connection closes."""

    def send_informational(self, status: int, headers: Headers) -> None:
        """Not needed."""

    def cut(self) -> None:
        self.writer.transport.abort()


async def serve_app(
    sock: socket.socket, handle: Callable[[Exchange], Awaitable[None]], clock: Clock
) -> AppServer:
    app = AppServer(handle, clock)
    app.server = await asyncio.start_server(app.serve, sock=sock.dup())
    return app
