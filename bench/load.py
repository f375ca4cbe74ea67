"""Load by wrk, and what it reports."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from bench.processes import DEBIAN, program

CONNECTIONS = 64
MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw. `failed` counts socket errors, time-outs and answers above 399."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int

    @property
    def rps(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def command(
    port: int, seconds: float, headers: tuple[str, ...] = (), connections: int = CONNECTIONS
) -> list[str]:
    """Return the command that runs wrk for `seconds` (rounded up to whole ones)."""
    flags = [flag for header in headers for flag in ("-H", header)]
    return [
        program("wrk", DEBIAN), "-t", "1", "-c", str(connections), "-d", f"{-int(-seconds // 1)}s",
        "--latency", *flags, f"http://127.0.0.1:{port}/bench",
    ]  # fmt: skip


def run(
    port: int, seconds: float, headers: tuple[str, ...] = (), connections: int = CONNECTIONS
) -> Load:
    """Send as many requests as are answered for `seconds`."""
    text = subprocess.run(
        command(port, seconds, headers, connections), capture_output=True, check=True, text=True
    ).stdout
    return parse(text)


def parse(text: str) -> Load:
    """Read wrk's report."""
    total = re.search(r"(\d+) requests in ([\d.]+)(\w+),", text)
    if total is None:
        raise RuntimeError(f"wrk said:\n{text}")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    failed = int(refused[1]) if refused else 0
    failed += sum(map(int, errors.groups())) if errors else 0
    seconds = float(total[2]) * MS[total[3]] / 1e3
    return Load(int(total[1]), seconds, _quantile(text, 50), _quantile(text, 99), failed)


def _quantile(text: str, percent: int) -> float:
    found = re.search(rf"^ +{percent}% +([\d.]+)(us|ms|s|m)$", text, re.MULTILINE)
    return float(found[1]) * MS[found[2]] if found else float("nan")
