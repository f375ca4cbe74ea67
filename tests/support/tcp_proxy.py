"""A TCP proxy that makes trouble between two ends: delay, slowness, silence, cuts, absence.

Every setting may be changed while connections are open, and holds from the next bytes on. The link
is one: its rate is shared by all connections, each way, as a thin line's would be. Delay does not
slow it down: what was read waits its time in order, beside what is read after it.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress

from support.raw_http import reset_on_close

PIECE = 16_384
ON_THE_WAY = 1 << 20
"""Bytes that a direction of a connection holds at most: what a real link and its buffers would."""


class TcpProxy:
    """Forwards loopback connections on `port` to `target_port`.

    `delay_s`       time that bytes take, each way
    `bytes_per_s`   0 for no bound, each way, shared by all connections
    `black_hole`    accept, read nothing and send nothing
    `refusing`      end new connections at once (`go_down` refuses them as a closed port does)
    `cut_after`     after so many bytes from the target, end the connection (None: never)
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.delay_s = 0.0
        self.bytes_per_s = 0
        self.black_hole = False
        self.refusing = False
        self.cut_after: int | None = None
        self.accepted = 0
        self._free_at = {"there": 0.0, "back": 0.0}
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Listen on a free port, or on the one of before."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=PIECE, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End every connection and stop listening."""
        self.go_down()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def go_down(self) -> None:
        """Be a machine that has lost its process: connections are reset, new ones refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    async def come_up(self) -> None:
        """Listen again on the same port."""
        if self._server is None:
            await self.start()

    def cut(self) -> None:
        """Reset every open connection, both ends."""
        for writer in list(self._open):
            sock: socket.socket | None = writer.get_extra_info("socket")
            if sock is not None:
                with suppress(OSError):
                    reset_on_close(sock)
            writer.transport.abort()

    def heal(self) -> None:
        """Forward as if nothing had been."""
        self.delay_s, self.bytes_per_s, self.cut_after = 0.0, 0, None
        self.black_hole = self.refusing = False
        self._changed.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            if not self.refusing:
                await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()
            self._open.discard(writer)
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(
            "127.0.0.1", self.target_port, limit=PIECE
        )
        self._open.add(far_writer)
        there, back = _Way(self, "there"), _Way(self, "back")
        try:
            await _together(there.copy(reader, far_writer), back.copy(far_reader, writer))
        finally:
            far_writer.close()
            self._open.discard(far_writer)

    async def through(self) -> None:
        """Return when bytes may pass at all."""
        while self.black_hole:
            self._changed.clear()
            await self._changed.wait()

    def sent_at(self, way: str, now: float, size: int) -> float:
        """Return when the link has sent `size` bytes that it is given now."""
        if not self.bytes_per_s:
            return now
        self._free_at[way] = max(now, self._free_at[way]) + size / self.bytes_per_s
        return self._free_at[way]


class _Way:
    """One direction of one connection: a queue of pieces, each with the time when it arrives."""

    def __init__(self, link: TcpProxy, way: str) -> None:
        self._link = link
        self._way = way
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._held = 0
        self._passed = 0
        self._moved = asyncio.Event()
        self._freed = asyncio.Event()

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy until the end of the stream; raises OSError when either end is gone."""
        await _together(self._read(reader), self._send(writer))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        loop, link = asyncio.get_running_loop(), self._link
        while True:
            data = await reader.read(PIECE)
            await link.through()
            sent_at = link.sent_at(self._way, loop.time(), len(data))
            self._pieces.append((sent_at + link.delay_s, data))
            self._held += len(data)
            self._moved.set()
            if not data:
                return
            # A thin link takes no more than it can send; a long one holds what is on the way.
            await asyncio.sleep(max(0.0, sent_at - loop.time()))
            while self._held > ON_THE_WAY:
                self._freed.clear()
                await self._freed.wait()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._pieces:
                self._moved.clear()
                await self._moved.wait()
            due, data = self._pieces.popleft()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            if not data:
                break
            self._held -= len(data)
            self._freed.set()
            await self._write(writer, data)
        if writer.can_write_eof():
            writer.write_eof()

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        cut_after = self._link.cut_after if self._way == "back" else None
        self._passed += len(data)
        if cut_after is not None and self._passed >= cut_after:
            writer.write(data[: len(data) - (self._passed - cut_after)])
            await writer.drain()
            raise ConnectionResetError
        writer.write(data)
        await writer.drain()


async def _together(*works: Coroutine[None, None, None]) -> None:
    """Do several things until all are done; the first one that fails ends the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
