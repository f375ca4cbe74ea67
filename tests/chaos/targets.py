"""A target: a process that answers, and writes down every request that it has read.

    python targets.py PORT FILE WORK_MS [ADDRESS]

A line goes to FILE as soon as a head is read (`head METHOD ID IN_FLIGHT`), and another one when the
body is (`whole …`), each by a system call of its own, so that SIGKILL loses none. The id is that of
`X-Request-Id`; it begins the answer's body, which is as long as `?bytes=` says, or is a stream of
`?events=` events, `EVENT_S` apart.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import suppress
from pathlib import Path

BYTES = re.compile(rb"[?&]bytes=(\d+)")
EVENTS = re.compile(rb"[?&]events=([1-9]\d*)")
EVENT_S = 0.1
BACKLOG = 1024


class Answering:
    """Counts requests that are being worked on."""

    def __init__(self, log: int, work_s: float) -> None:
        self._log = log
        self._work_s = work_s
        self._in_flight = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on a connection until it ends."""
        with suppress(OSError, EOFError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self._in_flight += 1
                try:
                    await self._answer(head, reader, writer)
                finally:
                    self._in_flight -= 1
        writer.close()

    async def _answer(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        line, *lines = head[:-4].split(b"\r\n")
        method, path, _ = line.split(b" ")
        fields = dict(each.lower().split(b": ", 1) for each in lines)
        name = fields.get(b"x-request-id", b"")
        self._write(b"head", method, name)
        await reader.readexactly(int(fields.get(b"content-length", b"0")))
        self._write(b"whole", method, name)
        if self._work_s:
            await asyncio.sleep(self._work_s)
        if events := EVENTS.search(path):
            await _stream(writer, name, int(events[1]))
            return
        asked = BYTES.search(path)
        body = name.ljust(int(asked[1]) if asked else 0, b".")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()

    def _write(self, what: bytes, method: bytes, name: bytes) -> None:
        if name:  # a health check has none
            os.write(self._log, b"%b %b %b %d\n" % (what, method, name, self._in_flight))


async def _stream(writer: asyncio.StreamWriter, name: bytes, events: int) -> None:
    """Send so many server-sent events, each a chunk of its own."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    for number in range(events):
        event = b"id: %d\ndata: %b\n\n" % (number, name)
        writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await writer.drain()
        await asyncio.sleep(EVENT_S)
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def serve(port: int, file: Path, work_s: float, address: str = "127.0.0.1") -> None:
    """Serve until the process is ended."""
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    target = Answering(log, work_s)
    server = await asyncio.start_server(
        target.talk, address, port, reuse_address=True, backlog=BACKLOG, limit=1 << 20
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(
        serve(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]) / 1000, *sys.argv[4:])
    )
