"""Clients that ask again and again, each over a connection that it keeps; all answers are kept."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from outages.replica import Replica, request
from support.raw_http import Connection, connect

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client saw. `status` 0: no whole answer. Times in seconds, of the monotonic clock."""

    path: str
    at: float
    took_s: float
    status: int


class Load:
    """Threads that ask; `asked` has what they saw."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    @contextmanager
    def beside(
        self,
        replicas: Sequence[Replica],
        paths: Sequence[tuple[str, str | None]],
        per_s: float = 10,
        clients: int = 2,
    ) -> Iterator[None]:
        """Ask every replica for these (path, key) in turn while the block lasts."""
        over = threading.Event()
        threads = [
            threading.Thread(target=self._ask, args=(replica.port, paths, per_s, over), daemon=True)
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

    @property
    def statuses(self) -> Counter[int]:
        """How often there was which."""
        return Counter(each.status for each in self.asked)

    @property
    def failed(self) -> list[Asked]:
        """What was not answered by 200."""
        return [each for each in self.asked if each.status != 200]

    @property
    def slowest_ms(self) -> float:
        """The longest that any took."""
        return max((each.took_s for each in self.asked), default=0.0) * 1000

    def _ask(
        self,
        port: int,
        paths: Sequence[tuple[str, str | None]],
        per_s: float,
        over: threading.Event,
    ) -> None:
        with ExitStack() as stack:
            line: Connection | None = None
            turn = 0
            while not over.wait(1 / per_s):
                path, key = paths[turn % len(paths)]
                turn += 1
                began, status = time.monotonic(), 0
                try:
                    line = line or stack.enter_context(connect(port, timeout_s=PATIENCE_S))
                    answer = line.request(request(path, key))
                    status = answer.status if answer.whole else 0
                    if answer.get("connection") == "close":
                        line = None
                except (OSError, EOFError):
                    line = None
                self.asked.append(Asked(path, began, time.monotonic() - began, status))
