"""Load by wrk, and what it reports."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.processes import DEBIAN, program

CONNECTIONS = 64
TIMEOUT = "30s"
"""For a POST. Without it wrk counts what takes 2 s as an error, and forgets how long it took."""
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


@dataclass(frozen=True)
class Post:
    """What to send in place of a GET of `/bench`: a Lua script of wrk's holds method and body."""

    path: str
    script: Path


def post(file: Path, path: str, body: str) -> Post:
    """Write the script that sends JSON to `path`."""
    lines = f"""wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = {_lua(body)}
"""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(lines)
    return Post(path, file)


def command(
    port: int,
    seconds: float,
    headers: tuple[str, ...] = (),
    connections: int = CONNECTIONS,
    sent: Post | None = None,
) -> list[str]:
    """Return the command that runs wrk for `seconds` (rounded up to whole ones)."""
    flags = [flag for header in headers for flag in ("-H", header)]
    path = "/bench"
    if sent is not None:
        flags += ["-s", str(sent.script), "--timeout", TIMEOUT]
        path = sent.path
    return [
        program("wrk", DEBIAN), "-t", "1", "-c", str(connections), "-d", f"{-int(-seconds // 1)}s",
        "--latency", *flags, f"http://127.0.0.1:{port}{path}",
    ]  # fmt: skip


def run(
    port: int,
    seconds: float,
    headers: tuple[str, ...] = (),
    connections: int = CONNECTIONS,
    sent: Post | None = None,
) -> Load:
    """Send as many requests as are answered for `seconds`."""
    line = command(port, seconds, headers, connections, sent)
    return parse(subprocess.run(line, capture_output=True, check=True, text=True).stdout)


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
    found = re.search(rf"^ +{percent}% +([\d.]+)(us|ms|s|m) *$", text, re.MULTILINE)
    return float(found[1]) * MS[found[2]] if found else float("nan")


def _lua(text: str) -> str:
    """Write a string as Lua does: as JSON does, as long as all of it is ASCII."""
    written = json.dumps(text)
    if "\\u" in written:
        raise ValueError("a body that Lua cannot be told")
    return written
