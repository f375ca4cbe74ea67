"""Carries TCP connections from one network namespace to another, byte for byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
CHUNK = 65_536


async def at_once(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Ask nothing of who connects."""


class Relay:
    """Accepts on a socket; each connection is carried to a new one of `connect`.

    `greet` comes first: what is said before anything is carried. It sends away by an EOFError.
    """

    def __init__(
        self,
        sock: socket.socket,
        connect: Callable[[], Awaitable[Streams]],
        greet: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = at_once,
    ) -> None:
        self._sock = sock
        self._connect = connect
        self._greet = greet
        self._carried: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        port: int = self._sock.getsockname()[1]
        return port

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accepted, sock=self._sock)

    async def close(self) -> None:
        """Close the socket and every connection."""
        if self._server is not None:
            self._server.close()
        carried = list(self._carried)
        for task in carried:
            task.cancel()
        await asyncio.gather(*carried, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._carried.add(task)
        task.add_done_callback(self._carried.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far: asyncio.StreamWriter | None = None
        try:
            with suppress(OSError, EOFError):
                await self._greet(reader, writer)
                far_reader, far = await self._connect()
                await asyncio.gather(_pump(reader, far), _pump(far_reader, writer))
        finally:
            for end in (writer, far):
                if end is not None:
                    end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    else:  # TLS has no half of a connection
        writer.close()
