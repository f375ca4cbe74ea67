"""A provider of endless streams: `python -m bench.stream_source PORT EVENTS_PER_S`.

Every stream is one chat completion in pieces. Each piece says when it was sent, in nanoseconds of
the machine's monotonic clock. Streams begin at random, so that their events are spread over time.
Of one process and without a framework, so that it costs as little as can be.
"""

from __future__ import annotations

import heapq
import json
import random
import select
import socket
import sys
import time
from collections.abc import Callable

MARK = b"@"
DIGITS = 19
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
WAIT_S = 0.001


def event(delta: dict[str, str]) -> bytes:
    """Write one chunk of HTTP that holds one event."""
    chunk = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "gpt-4o-mini",
        "system_fingerprint": "fp_bench",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}],
    }
    data = b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


FIRST = event({"role": "assistant", "content": ""})
BEFORE, AFTER = event({"content": "@" + "0" * DIGITS}).split(b"@" + b"0" * DIGITS)


class Source:
    """Streams to whoever asks."""

    def __init__(self, port: int, per_second: float) -> None:
        """Listen."""
        self._every_ns = int(1e9 / per_second)
        self._listening = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._listening.setblocking(False)
        self._poll = select.epoll()
        self._poll.register(self._listening, select.EPOLLIN)
        self._open: dict[int, socket.socket] = {}
        self._asked: set[int] = set()
        self._due: list[tuple[int, int, Callable[[bytes], int]]] = []

    def serve(self) -> None:
        """Do it until the process is ended."""
        while True:
            for number, _ in self._poll.poll(WAIT_S):
                if number == self._listening.fileno():
                    self._accept()
                else:
                    self._read(number)
            self._send()

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self._listening.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open[connection.fileno()] = connection
                self._poll.register(connection, select.EPOLLIN)
        except BlockingIOError:
            pass

    def _read(self, number: int) -> None:
        """Begin a stream at the first bytes of a request; forget who has left."""
        connection = self._open[number]
        try:
            data = connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            del self._open[number]
            self._asked.discard(number)
            connection.close()
        elif number not in self._asked:
            self._asked.add(number)
            connection.send(HEAD + FIRST)
            first = time.monotonic_ns() + random.randrange(self._every_ns)
            heapq.heappush(self._due, (first, number, connection.send))

    def _send(self) -> None:
        """Send what is due."""
        due, every = self._due, self._every_ns
        while due and due[0][0] <= time.monotonic_ns():
            when, number, send = due[0]
            try:
                send(b"%b@%019d%b" % (BEFORE, time.monotonic_ns(), AFTER))
            except OSError:
                heapq.heappop(due)  # it is gone, or reads nothing
            else:
                heapq.heapreplace(due, (when + every, number, send))


if __name__ == "__main__":
    Source(int(sys.argv[1]), float(sys.argv[2])).serve()
