"""Reloads and crashes while requests keep coming."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from bench import load, peers
from bench.gateway import BARE, Gateway, many_routes, sluicegate
from bench.report import Figure

RELOADS = "sluicegate_config_reloads_total"
STALL = "sluicegate_apply_longest_slice_seconds"


def measure(folder: Path, *, routes: int, reloads: int, crashes: int) -> list[Figure]:
    """Measure the stall of a large reload, many reloads, and killed workers."""
    upstream = peers.upstream(folder / "upstream")
    try:
        return [
            *large_reload(folder / "large", upstream.port, routes),
            *many_reloads(folder / "many", upstream.port, reloads),
            *killed_workers(folder / "killed", upstream.port, crashes),
        ]
    finally:
        upstream.stop()


def large_reload(folder: Path, upstream_port: int, routes: int) -> list[Figure]:
    """Replace a configuration of many routes while loaded."""
    gateway = sluicegate(folder, many_routes(upstream_port, routes, "first"))
    try:
        with Loaded(gateway) as loaded:
            began = time.monotonic()
            _reload(gateway, many_routes(upstream_port, routes, "second"))
            took = time.monotonic() - began
            stall = gateway.metric(STALL)
        return [
            Figure(f"longest loop stall of a {routes:,}-route reload", stall * 1e3, "ms"),
            Figure("… which took", took, "s"),
            Figure("… requests that failed meanwhile", loaded.failed(), "", 0),
        ]
    finally:
        gateway.stop()


def many_reloads(folder: Path, upstream_port: int, count: int) -> list[Figure]:
    """Reload again and again, each time another configuration."""
    gateway = sluicegate(folder, BARE.format(upstream=upstream_port))
    try:
        with Loaded(gateway) as loaded:
            for number in range(count):
                extra = f"plans: {{plan-{number}: {{}}}}\n"
                _reload(gateway, BARE.format(upstream=upstream_port) + extra)
        return [Figure(f"requests that failed in {count:,} reloads", loaded.failed(), "", 0)]
    finally:
        gateway.stop()


def killed_workers(folder: Path, upstream_port: int, count: int) -> list[Figure]:
    """Kill one of two workers again and again; each loses at most what it had read."""
    gateway = sluicegate(folder, BARE.format(upstream=upstream_port), workers="2")
    try:
        with Loaded(gateway) as loaded:
            for _ in range(count):
                _kill_one(gateway)
        bound = count * load.CONNECTIONS
        return [
            Figure(
                f"requests lost by kill -9 of a worker, {count} times", loaded.failed(), "", bound
            )
        ]
    finally:
        gateway.stop()


def _kill_one(gateway: Gateway) -> None:
    """Kill a worker, and wait for its successor to be ready."""
    before = gateway.workers()
    os.kill(before[0], signal.SIGKILL)

    def replaced() -> bool:
        now = gateway.workers()
        return before[0] not in now and len(now) == len(before)

    _wait(replaced, "a successor is ready")
    time.sleep(1)


class Loaded:
    """Load for as long as the block lasts; wrk reports when it is interrupted."""

    def __init__(self, gateway: Gateway) -> None:
        """Aim at `gateway`."""
        self.gateway = gateway
        self.report = ""

    def __enter__(self) -> Self:
        """Begin, and wait until requests are answered."""
        command = load.command(self.gateway.port, 600)
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        time.sleep(1)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and keep the report."""
        time.sleep(1)
        self._process.send_signal(signal.SIGINT)
        self._reader.join(10)
        self._process.wait(10)

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.report = self._process.stdout.read()

    def failed(self) -> int:
        """Return how many requests failed."""
        return load.parse(self.report).failed


def _reload(gateway: Gateway, configuration: str) -> None:
    before = gateway.metric(RELOADS)
    gateway.write(configuration)
    gateway.process.send_signal(signal.SIGHUP)
    _wait(lambda: gateway.metric(RELOADS) > before, "the reload is done")


def _wait(condition: Callable[[], object], what: str, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s} s: {what}")
        time.sleep(0.005)
