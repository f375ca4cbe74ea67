"""Many streams at a time on one worker: how much later events come than without a gateway.

    source ──> reader              direct
    source ──> gateway ──> reader  and what the gateway spends on each event

Source and reader are small programs of their own, and share the machine with the gateway. An event
says when it was sent; its time ends when the reader has it. What they take themselves is measured
first, and up to how many streams they keep up.
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench import peers
from bench.chat_gateways import CHAT, MESSAGES, configuration
from bench.compiled import ROOT
from bench.gateway import sluicegate
from bench.open_loop import percentile
from bench.processes import Running, free_port, start
from bench.report import Figure
from bench.stream_source import DIGITS, MARK

PER_SECOND = 50.0
MOST_ADDED_MS = 10.0
KEEPS_UP_MS = 5.0
"""A p99 of source and reader alone above this is not worth to compare with."""
SETTLE_S = 1.0
WAYS = {"passed through": MOST_ADDED_MS, "OpenAI → Anthropic": None}
STAMP = re.compile(MARK + rb"(\d{%d})" % DIGITS)


@dataclass(frozen=True)
class Seen:
    """Events that came while they were counted, and what each took, in ms.

    `open` streams were left at the end. `cpu_s` is what the gateway spent on them, in seconds.
    """

    times_ms: list[float]
    seconds: float
    open: int
    cpu_s: float = 0.0

    @property
    def behind(self) -> int:
        """By how many streams' worth fewer events came than were due; a tenth of them is none."""
        due = self.open * PER_SECOND * self.seconds
        missing = due - len(self.times_ms)
        return 0 if missing <= due / 10 else round(missing / PER_SECOND / self.seconds)


def measure(folder: Path, streams: int, seconds: float, rounds: int = 3) -> list[Figure]:
    """Measure source and reader alone, and with the gateway between them: passed, translated.

    In rounds that alternate, of which each takes its best: what else a machine does only adds.
    """
    port = free_port()
    command = [sys.executable, "-m", "bench.stream_source", str(port), str(PER_SECOND)]
    source = start(command, port, folder, {"PYTHONPATH": str(ROOT)})
    alone: list[Seen] = []
    through: dict[str, list[Seen]] = {CHAT: [], MESSAGES: []}
    try:
        most = _most(port, streams)
        gateway = sluicegate(folder / "gateway", configuration(port))
        try:
            for _ in range(rounds):
                alone.append(read(port, streams, seconds, request(CHAT)))
                for path, seen in through.items():
                    seen.append(read(gateway.port, streams, seconds, request(path), gateway))
        finally:
            gateway.stop()
    finally:
        source.stop()
    figures = [
        Figure(f"{streams:,} streams of {PER_SECOND:g} events/s, direct: p99", best(alone), "ms"),
        Figure("… streams that source and reader keep up with", most, ""),
    ]
    for (name, bound), seen in zip(WAYS.items(), through.values(), strict=True):
        figures += figures_of(name, bound, alone, seen, streams)
    return figures


def best(rounds: list[Seen], percent: float = 99) -> float:
    """Return the least percentile of all rounds, in ms."""
    return min(percentile(seen.times_ms, percent) for seen in rounds)


def lost_of(rounds: list[Seen], streams: int) -> int:
    """Return how many streams broke off in any round, or fell behind in all of them."""
    return max(*(streams - seen.open for seen in rounds), min(seen.behind for seen in rounds))


def figures_of(
    name: str, bound: float | None, alone: list[Seen], through: list[Seen], streams: int
) -> list[Figure]:
    """Return what one way through the gateway adds and costs."""
    lost = lost_of(through, streams)
    cost = min(seen.cpu_s / max(1, len(seen.times_ms)) for seen in through)
    return [
        Figure(f"… {name}: added p99 per event", best(through) - best(alone), "ms", bound),
        Figure(f"… {name}: added p50 per event", best(through, 50) - best(alone, 50), "ms"),
        Figure(f"… {name}: of the gateway per event", cost * 1e6, "CPU-µs"),
        Figure(f"… {name}: streams that broke off or fell behind", lost, "", 0),
    ]


def _most(port: int, streams: int) -> float:
    """Return the greatest number of streams, doubled each time, at which the harness keeps up."""
    most = 0
    for count in (streams, streams * 2, streams * 4):
        tried = (read(port, count, 1.0, request(CHAT)) for _ in range(2))  # again if it did not
        if not any(best([seen]) <= KEEPS_UP_MS and not lost_of([seen], count) for seen in tried):
            break
        most = count
    return most


def request(path: str) -> bytes:
    """Write a call that asks for a stream."""
    turns = [{"role": "user", "content": "Count."}]
    call = {"model": "to-openai", "stream": True, "max_tokens": 1000, "messages": turns}
    body = json.dumps(call).encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {peers.KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def read(
    port: int, streams: int, seconds: float, asked: bytes, gateway: Running | None = None
) -> Seen:
    """Open streams, let them settle, and time the events of some seconds."""
    reader = Reader(port, streams, asked)
    try:
        reader.until(time.monotonic() + SETTLE_S)
        reader.times_ms.clear()
        before = gateway.cpu_seconds() if gateway is not None else 0.0
        reader.until(time.monotonic() + seconds)
        spent = gateway.cpu_seconds() - before if gateway is not None else 0.0
        return Seen(list(reader.times_ms), seconds, reader.open, spent)
    finally:
        reader.close()


class Reader:
    """Reads many streams at a time, as cheaply as can be."""

    def __init__(self, port: int, streams: int, asked: bytes) -> None:
        """Ask for all of them."""
        self.times_ms: list[float] = []
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._left: dict[int, bytes] = {}
        for number in range(streams):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(asked)
            connection.setblocking(False)
            self._sockets[connection.fileno()] = connection
            self._left[connection.fileno()] = b""
            self._poll.register(connection, select.EPOLLIN)
            if number % 20 == 0:
                self.until(time.monotonic())

    @property
    def open(self) -> int:
        """How many have not ended."""
        return len(self._sockets)

    def until(self, end: float) -> None:
        """Read until a monotonic time."""
        while True:
            left_s = end - time.monotonic()
            for number, _ in self._poll.poll(max(0.0, left_s)):
                self._read(number)
            if left_s <= 0:
                return

    def close(self) -> None:
        """Leave."""
        for connection in self._sockets.values():
            connection.close()
        self._poll.close()

    def _read(self, number: int) -> None:
        try:
            data = self._sockets[number].recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = time.monotonic_ns()
        if not data:
            self._sockets.pop(number).close()
            return
        stamps, self._left[number] = stamps_in(self._left[number] + data)
        self.times_ms += [(now - stamp) / 1e6 for stamp in stamps]


def stamps_in(data: bytes) -> tuple[list[int], bytes]:
    """Return when events were sent, in ns, and the end that may be the beginning of one more."""
    stamps: list[int] = []
    end = 0
    for found in STAMP.finditer(data):
        stamps.append(int(found[1]))
        end = found.end()
    start = data.rfind(MARK, max(end, len(data) - DIGITS))
    return stamps, data[start:] if start >= 0 else b""
