"""How often a gateway asks its Valkey, as the Valkey counts it."""

from __future__ import annotations

import http.client
import re
from pathlib import Path

from bench import peers
from bench.gateway import WINDOWS, on_valkey
from bench.report import Figure
from bench.valkey import Server
from sluicegate.state.redis.scripts import script

REQUESTS = 1000
MOST_CALLS = 1.01
"""Per request: one, and that by which a worker says each second that it is alive."""


def measure(folder: Path, *, requests: int = REQUESTS) -> list[Figure]:
    """Send requests through a gateway with three windows of one subject, one after the other."""
    upstream = peers.upstream(folder / "upstream")
    try:
        gateway = on_valkey(folder / "gateway", upstream.port, allow=WINDOWS)
        try:
            with Server(gateway.beside[0].port) as server:
                send(gateway.port, 1)  # brings the script
                before = server.counts()
                send(gateway.port, requests)
                after = server.counts()
        finally:
            gateway.stop()
    finally:
        upstream.stop()
    calls = {name: after[name][0] - before.get(name, (0, 0))[0] for name in after}
    return calls_figures(calls, requests)


def calls_figures(calls: dict[str, int], requests: int) -> list[Figure]:
    """Return how often Valkey was asked for each request, and how often its script read a key.

    `calls` counts those by clients and those by scripts; INFO is ours.
    """
    inner = {name.lower() for each in ("take", "present") for name in _called(script(each).source)}
    asked = sum(count for name, count in calls.items() if name not in inner | {"info"})
    name = "three windows of one subject: calls of Valkey per request"
    return [
        Figure(name, asked / requests, "calls", MOST_CALLS),
        Figure("… of a script", calls["evalsha"] / requests, "calls", MOST_CALLS),
        Figure("… keys that it read", calls["get"] / requests, "calls", MOST_CALLS),
    ]


def _called(source: bytes) -> list[str]:
    return re.findall(r'call\("([A-Z]+)"', source.decode())


def send(port: int, requests: int) -> None:
    """Send requests. Raises RuntimeError where one is not under three limits."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(requests):
        connection.request("GET", "/bench", headers={"X-API-Key": peers.KEY})
        answer = connection.getresponse()
        answer.read()
        limits = answer.headers.get("RateLimit-Policy", "").split(",")
        if answer.status != http.client.OK or len(limits) != len(WINDOWS):
            raise RuntimeError(f"{answer.status}, under {limits}")
    connection.close()
