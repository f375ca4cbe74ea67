"""A target of a set speed: `python -m bench.target PORT SECONDS AT_ONCE`.

Each answer takes about SECONDS, spent waiting, so that the machine's few cores stay free for what
is measured. At most AT_ONCE requests are worked on at a time (0: all of them); the others wait in
turn, however many they are, as behind a pool of threads with an unbounded queue. Nobody who has
left is noticed: what waits is worked off.
"""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import AbstractAsyncContextManager, nullcontext

HEAD_END = b"\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
SPREAD = 0.2
"""Answers take up to so much less or more of their time, evenly."""


class Connection(asyncio.Protocol):
    """Takes requests without a body, one after the other."""

    def __init__(self, seconds: float, room: AbstractAsyncContextManager[object]) -> None:
        """Answer after about `seconds`, once there is `room`."""
        self._seconds = seconds
        self._room = room
        self._head = b""
        self._running: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Begin an answer for each head that is complete."""
        *heads, self._head = (self._head + data).split(HEAD_END)
        for _ in heads:
            task = asyncio.create_task(self._answer())
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _answer(self) -> None:
        async with self._room:
            await asyncio.sleep(self._seconds * random.uniform(1 - SPREAD, 1 + SPREAD))
        self._transport.write(ANSWER)


async def serve(port: int, seconds: float, at_once: int) -> None:
    """Answer until the process is ended."""
    room = asyncio.Semaphore(at_once) if at_once else nullcontext()
    loop = asyncio.get_running_loop()
    make = lambda: Connection(seconds, room)  # noqa: E731 - a name for the line below
    server = await loop.create_server(make, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
