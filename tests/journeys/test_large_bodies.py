"""A gigabyte passes through a worker whose memory stays flat, however slow the other end is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from support.gateway import Gateway, gateway, memory_mb
from support.loops import in_thread
from support.raw_http import Connection, connect
from support.upstreams import Talk, Upstream, response

GIGABYTE = 10**9
PIECE = b"x" * 2**18
GROWTH_MB = 20
HELD_BYTES = 40_000_000
"""More than all socket buffers on the way can hold."""
YAML = """
services: {{big: {{targets: [http://127.0.0.1:{port}]}}}}
routes: {{all: {{match: {{path: /**}}, service: big}}}}
"""


class Counted:
    """How many bytes the upstream has sent or received."""

    def __init__(self) -> None:
        self.bytes = 0

    async def sends(self, talk: Talk) -> None:
        """Answer with a gigabyte (a script)."""
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIGABYTE)
        while self.bytes < GIGABYTE:
            piece = PIECE[: GIGABYTE - self.bytes]
            await talk.send(piece)
            self.bytes += len(piece)

    async def receives(self, talk: Talk) -> None:
        """Take a gigabyte, and say how much came (a script)."""
        await talk.head()
        while self.bytes < GIGABYTE:
            data = await talk.reader.read(2**18)
            if not data:
                return
            self.bytes += len(data)
        await talk.send(response(body=b"%d" % self.bytes))


def stands_still(read: Callable[[], int]) -> int:
    """Return the count once it has not moved for 0.3 s: the other end is held back."""
    last, since = read(), time.monotonic()
    while time.monotonic() - since < 0.3:
        time.sleep(0.02)
        now = read()
        if now != last:
            last, since = now, time.monotonic()
    return last


def read_counting(connection: Connection, wanted: int, look: Callable[[], None]) -> int:
    """Read `wanted` bytes and drop them; look around every 100 MB."""
    left, next_look = wanted - len(connection.buffer), wanted
    buffer = bytearray(2**20)
    while left:
        count = connection.sock.recv_into(buffer)
        if not count:
            break
        left -= count
        if left < next_look:
            look()
            next_look -= 10**8
    return wanted - left


class Worker:
    """The memory of a worker, and the most that it was."""

    def __init__(self, running: Gateway) -> None:
        self.pid = running.process.pid
        self.before = self.highest = memory_mb(self.pid)

    def look(self) -> None:
        self.highest = max(self.highest, memory_mb(self.pid))

    @property
    def grown(self) -> float:
        self.look()
        return self.highest - self.before


def test_a_slow_reader_of_a_gigabyte_holds_the_target_back_and_memory_stays_flat(
    tmp_path: Path,
) -> None:
    count = Counted()
    with (
        in_thread(Upstream(count.sends)) as upstream,
        gateway(tmp_path, YAML.format(port=upstream.port)) as running,
        connect(running.port) as connection,
    ):
        worker = Worker(running)
        connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.head().get("content-length") == str(GIGABYTE)
        assert stands_still(lambda: count.bytes) < HELD_BYTES
        worker.look()
        assert read_counting(connection, GIGABYTE, worker.look) == GIGABYTE
        assert worker.grown < GROWTH_MB


def test_a_gigabyte_is_sent_to_a_target_and_memory_stays_flat(
    tmp_path: Path,
) -> None:
    count = Counted()
    sent = 0
    with (
        in_thread(Upstream(count.receives)) as upstream,
        gateway(tmp_path, YAML.format(port=upstream.port)) as running,
        connect(running.port) as connection,
    ):
        worker = Worker(running)
        connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % GIGABYTE)
        while sent < GIGABYTE:
            piece = PIECE[: GIGABYTE - sent]
            connection.send(piece)
            sent += len(piece)
            if sent % (len(PIECE) * 400) == 0:
                worker.look()
        assert connection.answer().body == b"%d" % GIGABYTE
        assert worker.grown < GROWTH_MB


def test_a_target_that_does_not_read_stops_the_client(tmp_path: Path) -> None:
    async def head_only(talk: Talk) -> None:
        await talk.head()
        talk.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await talk.stall()

    sent = 0
    with (
        in_thread(Upstream(head_only)) as upstream,
        gateway(
            tmp_path, YAML.format(port=upstream.port), SLUICEGATE_GATEWAY_DRAIN_DEADLINE="500ms"
        ) as running,
        connect(running.port, timeout_s=0.5) as connection,
    ):
        worker = Worker(running)
        connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % GIGABYTE)
        try:
            while sent < HELD_BYTES:
                sent += connection.sock.send(PIECE)
        except TimeoutError:
            worker.look()
        assert sent < HELD_BYTES
        assert worker.grown < GROWTH_MB
