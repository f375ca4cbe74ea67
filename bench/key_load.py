"""Requests that show keys: known ones, when they are due, and a flood of random ones by wrk."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench import open_loop
from bench.open_loop import Answer, Arrival
from bench.postgres import new_keys
from bench.processes import DEBIAN, program

HEADER = b"x-api-key"
CONNECTIONS = 64
WARMED_PER_S = 50
"""Well below the look-ups that a worker of two may make, so that none is refused."""
LINKS = 12
"""Connections over which known keys are shown once, so that each of two workers has some."""

FLOOD = """
local keys = {}
for line in io.lines("%(file)s") do keys[#keys + 1] = line end
local at, threads = 0, {}
seen = ""
local counted = {}
function setup(thread) threads[#threads + 1] = thread end
function delay() return %(pause_ms)d end
function request()
  at = at %% #keys + 1
  local from = %(network)s
  return wrk.format("GET", "/bench", {["x-api-key"] = keys[at], ["x-forwarded-for"] = from})
end
function response(status)
  counted[status] = (counted[status] or 0) + 1
  seen = ""
  for each, count in pairs(counted) do seen = seen .. each .. "=" .. count .. " " end
end
function done() print("statuses: " .. threads[1]:get("seen")) end
"""
ONE_NETWORK = '"198.51.100." .. math.random(1, 254)'
MANY_NETWORKS = '"10." .. math.random(0, 255) .. "." .. math.random(0, 255) .. ".7"'


@dataclass(frozen=True)
class Flooded:
    """What became of a flood: answers by status, and how long it took at most."""

    statuses: dict[int, int]
    seconds: float

    @property
    def sent(self) -> int:
        """How many requests were answered."""
        return sum(self.statuses.values())

    @property
    def let_in(self) -> int:
        """How many were served, which none should be, or failed other than by a refusal."""
        return sum(n for status, n in self.statuses.items() if status not in {401, 429, 503})


class Flood:
    """A flood of keys that are written like ours and nobody's, from the start to `end`."""

    def __init__(self, folder: Path, port: int, rate: float, seconds: float, network: str) -> None:
        """Begin; about `rate` a second, each key once."""
        folder.mkdir(parents=True, exist_ok=True)
        script, file = folder / "flood.lua", folder / "keys"
        file.write_bytes(b"\n".join(new_keys(int(rate * seconds * 1.2))))
        script.write_text(
            FLOOD % {"file": file, "pause_ms": 1000 * CONNECTIONS / rate, "network": network}
        )
        command = [program("wrk", DEBIAN), "-t", "1", "-c", str(CONNECTIONS), "-s", str(script)]
        command += ["-d", f"{-int(-seconds // 1)}s", f"http://127.0.0.1:{port}/bench"]
        self._began = time.monotonic()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def end(self) -> Flooded:
        """Wait for its end."""
        text, _ = self._process.communicate(timeout=120)
        return flooded(text, time.monotonic() - self._began)


def flooded(text: str, seconds: float) -> Flooded:
    """Read what wrk has printed. Raises RuntimeError where it could not send."""
    line = re.search(r"^statuses: (.*)$", text, re.MULTILINE)
    pairs = re.findall(r"(\d+)=(\d+)", line[1]) if line else []
    if not pairs:
        raise RuntimeError(f"wrk said:\n{text}")
    return Flooded({int(status): int(count) for status, count in pairs}, seconds)


def known(keys: Sequence[bytes], rate: float, seconds: float) -> list[Arrival]:
    """Plan requests that show these keys in turn, evenly; each key from a network of its own."""
    count = int(rate * seconds)
    fields = [_fields(key, number) for number, key in enumerate(keys)]
    return [Arrival(number / rate, fields=fields[number % len(keys)]) for number in range(count)]


def _fields(key: bytes, number: int) -> bytes:
    return HEADER + b": %b\r\nx-forwarded-for: 172.16.%d.9\r\n" % (key, number % 256)


def first_uses(port: int, keys: Sequence[bytes]) -> list[Answer]:
    """Show each key once."""
    return open_loop.run(port, known(keys, WARMED_PER_S, len(keys) / WARMED_PER_S))


def warm(port: int, keys: Sequence[bytes]) -> None:
    """Show each key over many connections, so that each worker knows it. Raises RuntimeError."""
    wrong = sum(answer.status != 200 for answer in first_uses(port, keys))
    for _ in range(LINKS):
        wrong += _show_all(port, keys)
    if wrong:
        raise RuntimeError(f"{wrong} requests with known keys failed at rest")


def _show_all(port: int, keys: Sequence[bytes]) -> int:
    """Show all keys over one connection, no faster than they may be asked for."""
    wrong = 0
    for number, key in enumerate(keys):
        wrong += ask(port, "/bench", _fields(key, number)) != 200
    return wrong


def ask(port: int, path: str, fields: bytes) -> int:
    """Send one request on a connection of its own; returns the status."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as link:
        head = b"GET %b HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n" % path.encode()
        link.sendall(head + fields + b"\r\n")
        received = b""
        while part := link.recv(65536):
            received += part
    found = open_loop.STATUS.match(received)
    return int(found[1]) if found else 0
