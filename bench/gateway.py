"""Sluicegate under measurement, with one worker, in the configurations of the table."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.peers import KEY
from bench.processes import Running, free_port, memory_mb, start
from bench.valkey import start_valkey

BARE = """
services: {{bench: {{targets: [http://127.0.0.1:{upstream}]}}}}
routes: {{bench: {{match: {{path: /**}}, service: bench}}}}
policies: []
"""

GOVERNED = """
services: {{bench: {{targets: [http://127.0.0.1:{upstream}]}}}}
consumers: {{bench: {{plan: bench, keys: [{{value: "${{env:BENCH_KEY}}"}}]}}}}
plans: {{bench: {plan}}}
routes:
  bench:
    match: {{path: /**}}
    service: bench
    policies: [{{api_key: {{}}}}]
policies: [{{metrics: {{}}}}, {{access_log: {{}}}}]
"""

GOVERNED_ALL = """
services:
  bench:
    targets: [http://127.0.0.1:{upstream}, http://127.0.0.2:{upstream}, http://127.0.0.3:{upstream}]
    balance: peak_ewma
    concurrency: {{limit: adaptive}}
consumers: {{bench: {{plan: bench, keys: [{{value: "${{env:BENCH_KEY}}"}}]}}}}
plans:
  bench:
    policies: [{{rate_limit: {{allow: [1000000/second burst 1000000], by: consumer}}}}]
routes:
  bench:
    match: {{path: /**}}
    service: bench
    policies:
      - deadline: {{default: 10s}}
      - api_key: {{}}
      - priority: {{level: normal, header: x-priority, at_most: high}}
policies: [{{metrics: {{}}}}, {{access_log: {{}}}}, {{traces: {{sample: 0}}}}]
tracing: {{endpoint: "http://127.0.0.1:{closed}"}}
"""
"""As GOVERNED, and what can be on in the path beside the defaults (breaker, ejection, retries)."""

BUCKET = ("1000000/second burst 1000000",)
WINDOWS = ("1000000/second", "60000000/minute", "3600000000/hour")
"""Limits that are counted for each request and never reached."""


@dataclass
class Gateway(Running):
    """A running Sluicegate. `management` is its other port."""

    management: int = 0
    file: Path = Path()

    def workers(self) -> list[int]:
        """Return the process ids of the workers that are ready."""
        with urllib.request.urlopen(self._actuator("health"), timeout=10) as answer:
            workers = json.load(answer)["workers"]
        return [int(worker["pid"]) for worker in workers if worker["phase"] == "ready"]

    def metric(self, name: str) -> float:
        """Return the sum of a metric's series, 0 when it has none."""
        with urllib.request.urlopen(self._actuator("prometheus"), timeout=10) as answer:
            text = answer.read().decode()
        found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def ready(self) -> bool:
        """Say whether the gateway takes traffic."""
        try:
            with urllib.request.urlopen(self._actuator("health/readiness"), timeout=5) as answer:
                return int(answer.status) == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def worker_mb(self) -> float:
        """Return the resident memory of its largest process: the worker, or one of them."""
        return max(memory_mb(pid) for pid in self.tree())

    def _actuator(self, path: str) -> str:
        return f"http://127.0.0.1:{self.management}/actuator/{path}"

    def write(self, configuration: str) -> None:
        """Replace the configuration file, whole."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(configuration)
        fresh.replace(self.file)


def sluicegate(
    folder: Path,
    configuration: str,
    *,
    workers: str = "1",
    pure: bool = False,
    state: Running | None = None,
) -> Gateway:
    """Start Sluicegate and wait until it is ready. The access log goes to a file.

    Compiled if this run has a compiled wheel (`BENCH_COMPILED`), unless it is to be `pure` Python.
    Limits are counted in its memory, or in the Valkey `state`, which is stopped with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "application.yml"
    file.write_text(configuration)
    port, management = free_port(), free_port()
    environ = {
        "BENCH_KEY": KEY,
        "SLUICEGATE_GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "SLUICEGATE_GATEWAY_WORKERS": workers,
        "SLUICEGATE_GATEWAY_DRAIN_GRACE": "0",
        "SLUICEGATE_GATEWAY_HTTP_MAX_REQUESTS": "100000000",
        "SLUICEGATE_MANAGEMENT_LISTEN": f"127.0.0.1:{management}",
        "SLUICEGATE_DATA_DIR": str(folder / "data"),
    }
    if "\nstore:" not in configuration:  # the others have no counterpart of one
        environ["SLUICEGATE_STORE_URL"] = "none"
    if state is not None:
        environ["SLUICEGATE_STATE_URL"] = f"redis://127.0.0.1:{state.port}"
        environ["SLUICEGATE_STATE_TIMEOUT"] = "1s"  # so that no pause of the machine is an outage
    if not pure and "BENCH_COMPILED" in os.environ:
        environ["PYTHONPATH"] = os.environ["BENCH_COMPILED"]
    command = [sys.executable, "-m", "sluicegate", "run", str(file)]
    running = start(command, port, folder, environ)
    gateway = Gateway(running.process, port, folder, management=management, file=file)
    deadline = time.monotonic() + 20
    while not gateway.ready():
        if time.monotonic() > deadline:
            gateway.stop()
            raise RuntimeError(f"Sluicegate is not ready:\n{(folder / 'err').read_text()[-2000:]}")
        time.sleep(0.02)
    return gateway


def bare(folder: Path, upstream_port: int, *, pure: bool = False) -> Gateway:
    """Start Sluicegate with one route and no policy."""
    return sluicegate(folder, BARE.format(upstream=upstream_port), pure=pure)


def governed_text(upstream_port: int, allow: Sequence[str] = BUCKET, **settings: str) -> str:
    """Write GOVERNED with a rate limit that has these `settings`; none where `allow` is empty."""
    limit = {"rate_limit": {"allow": list(allow), "by": "consumer", **settings}}
    plan = {"policies": [limit] if allow else []}
    return GOVERNED.format(upstream=upstream_port, plan=json.dumps(plan))


def governed(folder: Path, upstream_port: int, *, pure: bool = False) -> Gateway:
    """Start Sluicegate with key, limit, metrics and access log."""
    return sluicegate(folder, governed_text(upstream_port), pure=pure)


def unlimited(folder: Path, upstream_port: int) -> Gateway:
    """Start the same as `governed`, with a plan that limits nothing."""
    return sluicegate(folder, governed_text(upstream_port, ()))


def on_valkey(
    folder: Path,
    upstream_port: int,
    *,
    allow: Sequence[str] = BUCKET,
    pure: bool = False,
    **settings: str,
) -> Gateway:
    """Start the same as `governed`, with limits that are counted in a Valkey of its own."""
    state = start_valkey(folder / "valkey")
    try:
        configuration = governed_text(upstream_port, allow, **settings)
        running = sluicegate(folder, configuration, pure=pure, state=state)
    except BaseException:
        state.stop()
        raise
    running.beside.append(state)
    return running


def governed_all(folder: Path, upstream_port: int, *, pure: bool = False) -> Gateway:
    """Start `governed` with all that helps against failing targets; traces of none of it."""
    configuration = GOVERNED_ALL.format(upstream=upstream_port, closed=free_port())
    return sluicegate(folder, configuration, pure=pure)


def many_routes(upstream_port: int, count: int, mark: str) -> str:
    """Write a configuration of `count` routes; `mark` changes every tenth of them."""
    service = {"targets": [f"http://127.0.0.1:{upstream_port}"]}
    routes: dict[str, object] = {"bench": {"match": {"path": "/bench"}, "service": "bench"}}
    for number in range(count):
        path = f"/{mark if number % 10 == 0 else 'same'}/{number}/{{id}}"
        routes[f"route-{number}"] = {"match": {"path": path}, "service": "bench"}
    return json.dumps({"services": {"bench": service}, "routes": routes, "policies": []})
