"""A million keys and ten thousand routes in PostgreSQL: what a start, a key and a flood cost.

The replica is as it is run: empty `data_dir`, everything but plans and the target from the store.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench import key_load, key_lookup, open_loop, peers, postgres
from bench.gateway import Gateway, sluicegate
from bench.key_load import MANY_NETWORKS, ONE_NETWORK, Flood
from bench.processes import memory_mb
from bench.report import Figure

if TYPE_CHECKING:
    from bench.postgres import Database

START_S = 10
QUERIES = 1.05
"""Of a first use: one, and those by which the store is watched meanwhile."""
LOOKUPS_PER_S = 200
FLOOD_PER_S, KNOWN_PER_S = 2000, 200
WARM, FIRST_USES = 100, 200
PATCHES = 5
CALLS = "sluicegate_store_calls_total"
STALL = "sluicegate_apply_longest_slice_seconds"

CONFIGURATION = """
services: {{{service}: {{targets: [http://127.0.0.1:{upstream}]}}}}
plans: {{basic: {{}}}}
peppers: {{{pepper_name}: {pepper}}}
routes: {{bench: {{match: {{path: /bench}}, service: {service}, policies: [{{api_key: {{}}}}]}}}}
policies: [{{metrics: {{}}}}]
gateway: {{trusted_proxies: [127.0.0.0/8]}}
admin: {{token_file: {token_file}}}
store:
  url: {url}
  username: postgres
  master_keys: {{main: {master_key}}}
"""
MASTER_KEY = "YmVuY2gtbWFzdGVyLWtleS0wMTIzNDU2Nzg5YWJjZGU="
ROLES = {
    "sluicegate.process.management": "management",
    "sluicegate.process.worker": "a worker",
    "sluicegate.process.loader": "the loader",
}


class Site:
    """What all replicas of this part have: the store, the target, who is known."""

    def __init__(self, folder: Path, database: Database, upstream_port: int) -> None:
        """Fill nothing yet."""
        self.folder = folder
        self.server = database
        self.url = database.database("bench")
        self.known = postgres.new_keys(WARM + FIRST_USES + 1)
        self.token = "sga-bench-" + secrets.token_hex(32)
        self._upstream_port = upstream_port
        self._token_file = folder / "token"
        self._token_file.write_text(self.token)
        self._token_file.chmod(0o600)

    @contextmanager
    def replica(self, workers: int) -> Iterator[tuple[Gateway, float]]:
        """Run a replica that has nothing on disk; yields it and what its start took, in s."""
        text = CONFIGURATION.format(
            service=postgres.SERVICE,
            upstream=self._upstream_port,
            pepper_name=postgres.PEPPER_NAME,
            pepper=postgres.PEPPER,
            url=self.url,
            master_key=MASTER_KEY,
            token_file=self._token_file,
        )
        began = time.monotonic()
        gateway = sluicegate(self.folder / f"replica-{workers}", text, workers=str(workers))
        try:
            yield gateway, time.monotonic() - began
        finally:
            gateway.stop()


def measure(
    folder: Path, *, keys: int, routes: int, seconds: float, each: Sequence[int] = (1, 2)
) -> list[Figure]:
    """Measure replicas with so many workers `each`; `seconds` of each flood."""
    folder.mkdir(parents=True)
    found = [_lookup(figure) for figure in key_lookup.measure()]
    upstream = peers.upstream(folder / "upstream")
    try:
        with postgres.started(folder / "postgres") as database:
            site = Site(folder, database, upstream.port)
            postgres.fill(site.url, postgres.crowd(keys, routes, site.known))
            for workers in each:
                with site.replica(workers) as (gateway, took_s):
                    what = f"{keys:,} keys, {routes:,} routes, {workers} worker{'s'[: workers - 1]}"
                    found += _started(what, gateway, took_s)
                    found += _used(site, gateway, seconds)
                    found += _patched(site, gateway)
                    found += _memory("… memory after all that: ", gateway)
    finally:
        upstream.stop()
    return found


def _lookup(figure: Figure) -> Figure:
    return Figure(f"finding whose a key is: {figure.name}", figure.value, figure.unit, figure.bound)


def _started(what: str, gateway: Gateway, took_s: float) -> list[Figure]:
    return [
        Figure(f"{what}: start until ready", took_s, "s", START_S),
        Figure("… CPU of that", gateway.cpu_seconds(), "s"),
        Figure("… longest slice of compiling", gateway.metric(STALL) * 1e3, "ms"),
        *_memory("… memory: ", gateway),
    ]


def _memory(before: str, gateway: Gateway) -> list[Figure]:
    return [Figure(before + role, mb, "MB") for role, mb in sizes(gateway.tree()).items()]


def sizes(pids: list[int]) -> dict[str, float]:
    """Return the resident memory by role, in MB; of two workers the larger one's."""
    found: dict[str, float] = {}
    for pid in pids:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except OSError:  # it has ended
            continue
        role = next((ROLES[word] for word in words if word in ROLES), "")
        if "sluicegate" in words:
            role = "the process that was started"
        if role:
            found[role] = max(found.get(role, 0.0), memory_mb(pid))
    return found


def _used(site: Site, gateway: Gateway, seconds: float) -> list[Figure]:
    """Show keys: for the first time, at rest, and beside floods."""
    warm, first = site.known[:WARM], site.known[WARM : WARM + FIRST_USES]
    statements, failed = first_uses(site, gateway, first)
    key_load.warm(gateway.port, warm)
    plan = key_load.known(warm, KNOWN_PER_S, seconds)
    rest = open_loop.run(gateway.port, plan)
    figures = [
        Figure("statements in PostgreSQL per first use of a key", statements, "calls", QUERIES),
        Figure("… that failed", failed, "", 0),
        Figure("known keys at rest: p99", p99_ms(rest), "ms"),
    ]
    for name, network in (("many networks", MANY_NETWORKS), ("one network", ONE_NETWORK)):
        time.sleep(2)  # allowances are full again
        before = gateway.metric(CALLS)
        folder = site.folder / name
        flood = Flood(folder, gateway.port, FLOOD_PER_S, seconds, network)
        answers = open_loop.run(gateway.port, plan)
        flooded = flood.end()
        calls = gateway.metric(CALLS) - before
        per_s = calls / (flooded.seconds + 1)  # a second's worth may be spent at once
        figures += [
            Figure(f"flood from {name}: random keys", flooded.sent / flooded.seconds, "/s"),
            Figure("… look-ups in the store, after a second's worth", per_s, "/s", LOOKUPS_PER_S),
            Figure("… let in, or failed otherwise than by a refusal", flooded.let_in, "", 0),
            Figure("… known keys that failed", failures(answers), "", 0),
            Figure("… known keys: p99", p99_ms(answers), "ms"),
        ]
    return figures


def first_uses(site: Site, gateway: Gateway, keys: list[bytes]) -> tuple[float, int]:
    """Show keys for the first time; returns statements per key, and how many failed."""
    site.server.execute("ALTER SYSTEM SET log_statement = 'all'")
    site.server.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)
    before = site.server.log.stat().st_size
    answers = key_load.first_uses(gateway.port, keys)
    with site.server.log.open("rb") as log:
        log.seek(before)
        count = statements(log.read().decode(errors="replace"))
    site.server.execute("ALTER SYSTEM RESET log_statement")
    site.server.execute("SELECT pg_reload_conf()")
    return count / len(keys), failures(answers)


def statements(log: str) -> int:
    """Count the statements in a log of PostgreSQL that has them all."""
    lines = log.splitlines()
    return sum(" LOG:  execute " in line or " LOG:  statement: " in line for line in lines)


def failures(answers: list[open_loop.Answer]) -> int:
    """Count what was not answered by the target."""
    return sum(answer.status != 200 for answer in answers)


def p99_ms(answers: list[open_loop.Answer]) -> float:
    """Return the 99th percentile of the times."""
    return open_loop.percentile([answer.took_s for answer in answers], 99) * 1e3


def _patched(site: Site, gateway: Gateway) -> list[Figure]:
    """Change a stored route again and again."""
    took, seen, cpu, stalls = [], [], [], []
    key = key_load.HEADER + b": %b\r\n" % site.known[0]
    for number in range(PATCHES):
        mark = f"patched-{secrets.token_hex(4)}"
        spent, began = gateway.cpu_seconds(), time.monotonic()
        patch(gateway, site.token, postgres.route_name(number), postgres.route_spec(number, mark))
        took.append(time.monotonic() - began)
        path = f"/{mark}/{number}/x"
        while key_load.ask(gateway.port, path, key) != 200:
            if time.monotonic() - began > 10:
                raise TimeoutError(f"{path} is not answered 10 s after it was asked for")
            time.sleep(0.005)
        seen.append(time.monotonic() - began)
        time.sleep(1)  # what is done in the background is counted too
        cpu.append(gateway.cpu_seconds() - spent)
        stalls.append(gateway.metric(STALL))
    return [
        Figure("a route's PATCH until its answer", median(took), "s"),
        Figure("… until it runs", median(seen), "s"),
        Figure("… CPU of all processes", median(cpu), "s"),
        Figure("… longest slice of compiling", max(stalls) * 1e3, "ms"),
    ]


def patch(gateway: Gateway, token: str, name: str, spec: dict[str, object]) -> None:
    """Change a route. Raises HTTPError where it is refused."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{gateway.management}/admin/v1/routes/{name}",
        data=json.dumps(spec).encode(),
        method="PATCH",
        headers={
            "authorization": f"Bearer {token}",
            "content-type": "application/merge-patch+json",
            "if-match": "*",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()
