"""The upstream that counts: what it has read was let through, whatever anybody else says.

    python oracle.py PORT FILE

A line goes to FILE as soon as a request is read (`read MICROSECONDS ID`) and when its answer is
sent or can no longer be (`done MICROSECONDS ID`), each by a system call of its own. `?ms=` is how
long it works on an answer. Microseconds are those since 1970, as everybody's on this machine.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from pathlib import Path

WORK = re.compile(rb"[?&]ms=(\d+)")
ID = re.compile(rb"\r\nx-request-id: ([^\r]*)", re.IGNORECASE)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BACKLOG = 1024


class Reading(asyncio.Protocol):
    """One connection of the gateway, one request at a time."""

    def __init__(self, log: int) -> None:
        self._log = log
        self._head = b""
        self._name = b""
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        head, end, _ = self._head.partition(b"\r\n\r\n")
        if not end:
            return
        self._head = b""
        name, work = ID.search(head), WORK.search(head.partition(b"\r\n")[0])
        self._name = name[1] if name else b"?"
        self._write(b"read")
        if work:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(int(work[1]) / 1000, self._answer)
        else:
            self._answer()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._timer is not None:
            self._timer.cancel()
            self._write(b"done")

    def _answer(self) -> None:
        assert self._transport is not None
        self._timer = None
        self._write(b"done")
        self._transport.write(ANSWER)

    def _write(self, what: bytes) -> None:
        os.write(self._log, b"%b %d %b\n" % (what, time.time_ns() // 1000, self._name))


async def serve(port: int, file: Path) -> None:
    """Serve until the process is ended."""
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Reading(log), "127.0.0.1", port, reuse_address=True, backlog=BACKLOG
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
