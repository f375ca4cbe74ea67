"""A TCP proxy that makes trouble between two ends: delay, slowness, silence, cuts.

Every setting may be changed while connections are open, and holds from the next bytes on.
"""

from __future__ import annotations

import asyncio
import socket

from support.raw_http import reset_on_close

PIECE = 16_384


class TcpProxy:
    """Forwards loopback connections on `port` to `target_port`.

    `delay_s`       added to every piece, each way
    `bytes_per_s`   0 for no bound, each way and connection
    `black_hole`    accept, read nothing and send nothing
    `refusing`      end new connections at once
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
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=PIECE)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End every connection and stop listening."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every open connection, both ends."""
        for writer in list(self._open):
            sock: socket.socket | None = writer.get_extra_info("socket")
            if sock is not None:
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
        try:
            await asyncio.gather(
                self._copy(reader, far_writer, None), self._copy(far_reader, writer, 0)
            )
        finally:
            far_writer.close()
            self._open.discard(far_writer)

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passed: int | None
    ) -> None:
        """Copy one way; `passed` counts bytes where `cut_after` applies."""
        while data := await reader.read(PIECE):
            while self.black_hole:
                self._changed.clear()
                await self._changed.wait()
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self.bytes_per_s:
                await asyncio.sleep(len(data) / self.bytes_per_s)
            if passed is not None:
                passed += len(data)
                if self.cut_after is not None and passed >= self.cut_after:
                    writer.write(data[: len(data) - (passed - self.cut_after)])
                    await writer.drain()
                    raise ConnectionResetError
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
