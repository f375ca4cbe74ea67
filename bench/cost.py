"""Processor time per request of every contender, in rounds that are interleaved."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from bench import gateway, load, peers
from bench.processes import Missing, Running
from bench.report import Figure
from bench.valkey import Server

Start = Callable[[Path, int], Running]

PURE = ", not compiled"
EXACT = "Sluicegate governed, exact on Valkey"
LEASED = "Sluicegate governed, leased on Valkey"
WITHOUT = "Sluicegate governed without a limit"

CONTENDERS: dict[str, Start] = {
    "nginx proxy_pass": peers.nginx_proxy,
    "Envoy, local rate limit, JSON log": peers.envoy,
    "nginx + Lua + Redis, key and limit": peers.nginx_lua_redis,
    "Sluicegate bare": gateway.bare,
    WITHOUT: gateway.unlimited,
    LEASED: partial(gateway.on_valkey, mode="leased"),
    EXACT: gateway.on_valkey,
    "Sluicegate governed, three windows on Valkey": partial(
        gateway.on_valkey, allow=gateway.WINDOWS
    ),
    "Sluicegate governed": gateway.governed,
    "Sluicegate governed + all": gateway.governed_all,
    f"Sluicegate bare{PURE}": partial(gateway.bare, pure=True),
    f"{LEASED}{PURE}": partial(gateway.on_valkey, mode="leased", pure=True),
    f"{EXACT}{PURE}": partial(gateway.on_valkey, pure=True),
    f"Sluicegate governed{PURE}": partial(gateway.governed, pure=True),
    f"Sluicegate governed + all{PURE}": partial(gateway.governed_all, pure=True),
}
BASES = {
    "nginx": "nginx proxy_pass",
    "Envoy": "Envoy, local rate limit, JSON log",
    "Lua": "nginx + Lua + Redis, key and limit",
}
WITHOUT_ALL = {
    f"Sluicegate governed + all{kind}": f"Sluicegate governed{kind}" for kind in ("", PURE)
}
"""What has everything on → the same without, its base `governed`."""
TARGETS = {
    ("Sluicegate bare", "nginx"): 3.0,
    ("Sluicegate governed", "Envoy"): 1.3,
    ("Sluicegate governed", "Lua"): 2.5,
    ("Sluicegate governed + all", "governed"): 1.1,
    (EXACT, "Envoy"): 1.3,
    (EXACT, "Lua"): 2.5,
}
"""What each ratio must not pass; the aim beyond is 1.0 each."""
MOST_ADDED_US = {(LEASED, WITHOUT): 3.0}
"""What the first must not cost more than the second, CPU-µs per request."""


@dataclass
class Row:
    """One contender: medians over the rounds.

    Of the Valkey beside it: its processor time, and the scripts it ran, per request.
    """

    name: str
    cpu_us: list[float] = field(default_factory=list)
    valkey_us: list[float] = field(default_factory=list)
    scripts: list[float] = field(default_factory=list)
    loads: list[load.Load] = field(default_factory=list)
    memory_mb: float = 0.0

    def summary(self) -> dict[str, float | str]:
        """Return what is printed and written."""
        return {
            "name": self.name,
            "cpu_us": round(median(self.cpu_us), 1),
            "cpu_us_lowest": round(min(self.cpu_us), 1),
            "cpu_us_highest": round(max(self.cpu_us), 1),
            **self._beside(),
            "rps": round(median(one.rps for one in self.loads)),
            "p50_ms": round(median(one.p50_ms for one in self.loads), 2),
            "p99_ms": round(median(one.p99_ms for one in self.loads), 2),
            "memory_mb": round(self.memory_mb, 1),
            "failed": sum(one.failed for one in self.loads),
        }

    def _beside(self) -> dict[str, float | str]:
        if not self.valkey_us:
            return {}
        scripts = round(median(self.scripts), 3)
        return {"valkey_us": round(median(self.valkey_us), 1), "valkey_scripts": scripts}


def measure(
    folder: Path, *, rounds: int, seconds: float, warm_up: float, only: str = ""
) -> tuple[list[Row], list[str]]:
    """Measure all contenders; returns their rows, and what could not be measured and why."""
    missing: list[str] = []
    upstream = peers.upstream(folder / "upstream")
    running: dict[str, Running] = {}
    try:
        for name, start in CONTENDERS.items():
            twice = name.endswith(PURE) and "BENCH_COMPILED" not in os.environ
            if twice or not re.search(only, name, re.IGNORECASE):
                continue
            try:
                running[name] = start(folder / f"c{len(running)}", upstream.port)
            except Missing as problem:
                missing.append(f"{name}: needs {problem}")
        rows = {name: Row(name) for name in running}
        for _ in range(rounds):
            for name, contender in running.items():
                _round(rows[name], contender, seconds, warm_up)
    finally:
        for contender in running.values():
            contender.stop()
        upstream.stop()
    return list(rows.values()), missing


def _round(row: Row, contender: Running, seconds: float, warm_up: float) -> None:
    headers = (f"X-API-Key: {peers.KEY}",)
    if warm_up:
        load.run(contender.port, warm_up, headers)
    before = contender.cpu_seconds(), *beside(contender)
    seen = load.run(contender.port, seconds, headers)
    after = contender.cpu_seconds(), *beside(contender)
    cpu_s, valkey_s, scripts = (now - then for then, now in zip(before, after, strict=True))
    row.cpu_us.append(cpu_s / seen.requests * 1e6)
    if contender.beside:
        row.valkey_us.append(valkey_s / seen.requests * 1e6)
        row.scripts.append(scripts / seen.requests)
    row.loads.append(seen)
    row.memory_mb = contender.memory_mb()


def beside(contender: Running) -> tuple[float, int]:
    """Return the processor time of the Valkeys beside a contender, and the scripts they ran."""
    scripts = 0
    for valkey in contender.beside:
        with Server(valkey.port) as server:
            scripts += server.counts().get("evalsha", (0, 0))[0]
    return sum(valkey.cpu_seconds() for valkey in contender.beside), scripts


def ratios(rows: list[Row]) -> dict[str, dict[str, float]]:
    """Return processor time relative to each peer: name → base → ratio."""
    cost = {row.name: median(row.cpu_us) for row in rows}
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        bases = dict(BASES)
        if row.name in WITHOUT_ALL:
            bases["governed"] = WITHOUT_ALL[row.name]
        found[row.name] = {
            base: round(cost[row.name] / cost[peer], 2)
            for base, peer in bases.items()
            if peer in cost
        }
    return found


def added(rows: list[Row]) -> list[Figure]:
    """Return what contenders cost more than others, each in the round in which it cost least.

    These are small numbers, and what else a machine does only ever adds to them.
    """
    lowest = {row.name: min(row.cpu_us) for row in rows}
    return [
        Figure(
            f"{name} minus {base.removeprefix('Sluicegate ')}",
            lowest[name] - lowest[base],
            "CPU-µs",
            bound,
        )
        for (name, base), bound in MOST_ADDED_US.items()
        if name in lowest and base in lowest
    ]
