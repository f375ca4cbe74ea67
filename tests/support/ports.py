"""Free ports, and waiting until something listens."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")
LOWEST, HIGHEST = 20_000, 32_000
"""Below the range from which Linux takes the ports of outgoing connections (32768 and up)."""


def own_part() -> tuple[int, int]:
    """Return the lowest and the highest port of a pytest worker and of what it starts.

    Each worker has a part of its own: what one has handed out is not bound at once, or never.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    many = (HIGHEST - LOWEST) // workers
    lowest = LOWEST + number % workers * many
    return lowest, lowest + many - 1


class Ports:
    """Hands out ports that nothing listens on; processes begin at different places."""

    def __init__(self) -> None:
        self._lowest, self._highest = own_part()
        self._next = self._lowest + os.getpid() * 97 % (self._highest - self._lowest)

    def free(self) -> int:
        """Return a loopback TCP port that can be bound now and was not handed out before."""
        for _ in range(self._highest - self._lowest):
            self._next = self._next + 1 if self._next < self._highest else self._lowest
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", self._next))
                except OSError:
                    continue
                return self._next
        raise RuntimeError("every port is taken")


_PORTS = Ports()


def free_port() -> int:
    """Return a loopback TCP port for a server that cannot bind port 0 itself."""
    return _PORTS.free()


def listening_socket() -> socket.socket:
    """Return a non-blocking socket that listens on a free loopback port."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    sock.listen(1024)
    sock.setblocking(False)
    return sock


def listens(port: int) -> bool:
    """Say whether a connection to loopback `port` is accepted."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(
    condition: Callable[[], object], what: str, *, within_s: float = 40, every_s: float = 0.01
) -> None:
    """Poll until `condition()` is true; for things that happen in other processes only.

    Raises AssertionError naming `what` when it has not come true in time.
    """
    asked_until(condition, bool, what, within_s=within_s, every_s=every_s)


def asked_until(
    ask: Callable[[], Answer],
    good: Callable[[Answer], object],
    what: str,
    *,
    within_s: float = 40,
    every_s: float = 0.01,
) -> Answer:
    """Ask until an answer is `good`, and return that one. See `eventually`."""
    deadline = time.monotonic() + within_s
    while not good(answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}")
        time.sleep(every_s)
    return answer
