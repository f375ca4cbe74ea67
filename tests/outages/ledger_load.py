"""Clients that call a model again and again; what each of them saw is kept."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from outages.replica import Replica
from support.model_front import request
from support.raw_http import Connection, connect

PATIENCE_S = 20.0
PAUSE_S = 0.005
"""Between two calls of a client; 0.1 s after one that nobody took."""
STREAMED = 3
"""Every third call is a stream."""


@dataclass(frozen=True, slots=True)
class Called:
    """A call. `status` 0: no whole answer. Times are those of the monotonic clock, in seconds."""

    id: str
    began: float
    ended: float
    status: int


class Numbers(Protocol):
    """Gives each number once."""

    def __next__(self) -> int: ...


class CallLoad:
    """Threads that call one model."""

    def __init__(self, model: str, host: str, numbers: Numbers) -> None:
        self.called: list[Called] = []
        self.broken: list[str] = []
        """Why connections were not there, or ended."""
        self._model = model
        self._host = host
        self._numbers = numbers

    @contextmanager
    def beside(self, replicas: Sequence[Replica], clients: int = 4) -> Iterator[None]:
        """Call through every replica while the block lasts."""
        over = threading.Event()
        threads = [
            threading.Thread(target=self._client, args=(replica, over), daemon=True)
            for replica in replicas
            for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join(PATIENCE_S + 10)

    def ids(self, status: int) -> list[str]:
        """Return the calls that ended so."""
        return [call.id for call in self.called if call.status == status]

    @property
    def statuses(self) -> Counter[int]:
        """How often there was which."""
        return Counter(call.status for call in self.called)

    def answered(self, more: int, status: int = 200, within_s: float = 30) -> None:
        """Wait for so many further answers."""
        wanted = self.statuses[status] + more
        deadline = time.monotonic() + within_s
        while self.statuses[status] < wanted:
            seen = f"{dict(self.statuses)}, {self.broken[-3:]}"
            assert time.monotonic() < deadline, f"not {more} more of {status}: {seen}"
            time.sleep(0.01)

    def since(self, began: float, until: float) -> set[str]:
        """Return the calls that were under way at some time between."""
        return {call.id for call in self.called if call.ended >= began and call.began <= until}

    def _client(self, replica: Replica, over: threading.Event) -> None:
        pause = PAUSE_S
        while not over.wait(pause):
            pause = PAUSE_S
            try:
                with connect(replica.port, timeout_s=PATIENCE_S) as line:
                    open_ = True
                    while open_ and not over.wait(PAUSE_S):
                        open_ = self._call(line)
            except (OSError, EOFError) as error:
                self.broken.append(f"{type(error).__name__}: {error}")
                pause = 0.1

    def _call(self, line: Connection) -> bool:
        """Call once; say whether the connection may be used again."""
        number = next(self._numbers)
        name = f"{self._model}-{number}"
        written = request(
            "chat", self._model, f"X-Request-Id: {name}",
            stream=number % STREAMED == 0, content=name,
        ).replace(b"Host: a\r\n", b"Host: " + self._host.encode() + b"\r\n")  # fmt: skip
        began, status, again = time.monotonic(), 0, False
        try:
            answer = line.request(written)
            status = answer.status if answer.whole else 0
            again = answer.whole and answer.get("connection") != "close"
        finally:
            self.called.append(Called(name, began, time.monotonic(), status))
        return again
