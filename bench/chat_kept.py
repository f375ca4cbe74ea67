"""Calls of models that are counted in money, and calls that the gateway answers by itself.

priced  tokens limited by consumer, a hard budget in dollars by consumer, and an entry of the ledger
        for each call, which is moved to a store (SQLite in the gateway's folder)
cached  the same call, answered by `exact`
one     identical calls at a time, of which `single_flight` makes one

What is counted is the gateway's whole tree of processes, until it rests: the one that serves, which
with one worker is also the one that moves the ledger to the store, its threads for the store and
the log, and the one that reads the configuration. The Valkey beside it is shown by itself.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench import peers
from bench.chat_gateways import (
    CHAT,
    COMPLETION,
    OPENAI_MODEL,
    OURS,
    PASSED,
    TEXT,
    Contender,
    Way,
)
from bench.gateway import Gateway, sluicegate
from bench.processes import Running, free_port
from bench.report import Figure
from bench.valkey import start_valkey

if TYPE_CHECKING:
    from bench.cost import Row

PRICED = "Sluicegate, priced, counted in a Valkey"
PRICED_ALONE = "Sluicegate, priced, counted in memory"
CACHED = "Sluicegate, cached"
WAYS = [Way(PASSED, CHAT, "to-openai", OURS)]
MOST_US = {PRICED: 120.0, PRICED_ALONE: 120.0, CACHED: 60.0}
PEERS = {"LiteLLM": 1.0, "Portkey": 10.0, "ferrogw": 100.0}
"""What a priced call may cost of what theirs costs, in percent."""
PATIENCE_S = 30.0
"""For all identical calls to have come, before the provider answers the first."""

CONFIGURATION = """
providers:
  openai:
    kind: openai
    url: http://127.0.0.1:{provider}/v1
    key: "${{env:BENCH_KEY}}"
    dialects: [openai_chat]
models:
  to-openai:
    deployments:
      - {{provider: openai, model: {model}, price: {{input: "0.15", output: "0.6"}}}}
consumers: {{bench: {{plan: bench, keys: [{{value: "${{env:BENCH_KEY}}"}}]}}}}
plans: {{bench: {plan}}}
routes:
  bench:
    match: {{path: /**}}
    ai: {{}}
    policies: {policies}
policies: [{{metrics: {{}}}}, {{access_log: {{}}}}]
store: {store}
"""
LIMITS = (
    {"rate_limit": {"allow": ["1000000000/second burst 1000000000"], "unit": "tokens"}},
    {"budget": {"allow": ["900000/month"]}},
)
"""By consumer, and never reached."""
REQUESTS = {"rate_limit": {"allow": ["1000000/second burst 1000000"]}}
"""As the other rows have it: who is answered by the cache is counted, too."""


def text(provider_port: int, limits: tuple[object, ...], *more: object, store: str = "") -> str:
    """Write a configuration with these policies of the plan, and `more` of the route."""
    return CONFIGURATION.format(
        provider=provider_port,
        model=OPENAI_MODEL,
        plan=json.dumps({"policies": list(limits)}),
        policies=json.dumps([{"api_key": {}}, *more]),
        store=json.dumps({"url": store or "none"}),
    )


def priced(folder: Path, provider_port: int, *, valkey: bool, pure: bool = False) -> Gateway:
    """Start it with limits in tokens and dollars, and the ledger."""
    folder.mkdir(parents=True, exist_ok=True)
    written = text(provider_port, LIMITS, store=f"sqlite:///{folder / 'ledger.db'}")
    if not valkey:
        return sluicegate(folder, written, pure=pure)
    state = start_valkey(folder / "valkey")
    try:
        running = sluicegate(folder, written, pure=pure, state=state)
    except BaseException:
        state.stop()
        raise
    running.beside.append(state)
    return running


def cached(folder: Path, provider_port: int, *, pure: bool = False) -> Gateway:
    """Start it with answers that are given again."""
    written = text(provider_port, (REQUESTS,), {"exact": {"ttl": "1h"}})
    return sluicegate(folder, written, pure=pure)


def contenders() -> dict[str, Contender]:
    """Return them, as those of `chat_gateways`."""
    starts: dict[str, Callable[[Path, int], Running]] = {
        PRICED: partial(priced, valkey=True),
        PRICED_ALONE: partial(priced, valkey=False),
        CACHED: cached,
    }
    return {name: Contender(start, WAYS) for name, start in starts.items()}


def kept_entries(running: Running) -> int | None:
    """Return how many entries the store of a gateway has; None where it has no store."""
    file = running.folder / "ledger.db"
    if not file.exists():
        return None
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return int(connection.execute("SELECT count(*) FROM ledger").fetchone()[0])


def costs(rows: list[Row], running: dict[str, Running]) -> list[Figure]:
    """Return what these calls cost beside their bounds, and beside others' of the same run."""
    found = {row.name: row for row in rows}
    figures: list[Figure] = []
    for name, bound in MOST_US.items():
        row = found.get(f"{name}: {PASSED}")
        if row is not None:
            figures.append(Figure(name, median(row.cpu_us), "CPU-µs", bound))
    ours = found.get(f"{PRICED}: {PASSED}")
    for peer, most in PEERS.items():
        row = found.get(f"{peer}: {PASSED}")
        if ours is not None and row is not None:
            part = 100 * median(ours.cpu_us) / median(row.cpu_us)
            figures.append(Figure(f"{PRICED} ÷ {peer}", part, "%", most))
    if ours is not None and ours.valkey_us:
        figures.append(Figure("… of the Valkey beside it", median(ours.valkey_us), "CPU-µs"))
    for name in (PRICED, PRICED_ALONE):
        row, gateway = found.get(f"{name}: {PASSED}"), running.get(name)
        entries = None if gateway is None else kept_entries(gateway)
        if row is not None and entries is not None:
            missing = max(0, sum(load.requests for load in row.loads) - entries)
            figures.append(Figure(f"{name}: calls that are not in the ledger", missing, "", 0))
    return figures


# --- identical calls at a time ----------


@dataclass
class Provider:
    """A provider that counts its calls, and answers none before `answers` is set."""

    port: int
    calls: int = 0
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the calls of one connection."""
        self.writers.append(writer)
        body = json.dumps(COMPLETION).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        while await _message(reader):
            self.calls += 1
            await self.answers.wait()
            writer.write(head % len(body) + body)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read a request or an answer that says its length; empty at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return head + await reader.readexactly(int(value))
    return head


def identical(folder: Path, body: str, calls: int) -> list[Figure]:
    """Make identical calls at a time; returns how many reached the provider, and what failed."""
    return asyncio.run(_identical(folder, body, calls))


async def _identical(folder: Path, body: str, calls: int) -> list[Figure]:
    provider = Provider(free_port())
    server = await asyncio.start_server(provider.handle, "127.0.0.1", provider.port, backlog=1024)
    written = text(provider.port, (REQUESTS,), {"single_flight": {}})
    gateway = await asyncio.to_thread(sluicegate, folder, written)
    try:
        request = _request(body)
        calling = asyncio.gather(*(_called(gateway.port, request) for _ in range(calls)))
        await asyncio.to_thread(_all_came, gateway, calls)
        provider.answers.set()
        answers = await calling
    finally:
        await asyncio.to_thread(gateway.stop)
        server.close()
        for writer in provider.writers:
            writer.close()
    whole = sum(each.startswith(b"HTTP/1.1 200") and TEXT.encode() in each for each in answers)
    name = f"{calls} identical calls at a time"
    return [
        Figure(f"{name}: calls of the provider", provider.calls, "", 1),
        Figure(f"{name}: without the whole answer", calls - whole, "", 0),
    ]


def _all_came(gateway: Gateway, calls: int) -> None:
    """Wait until the gateway has seen all, or for as long as there is patience."""
    end = time.monotonic() + PATIENCE_S
    while gateway.metric("sluicegate_single_flight_total") < calls and time.monotonic() < end:
        time.sleep(0.1)


def _request(body: str) -> bytes:
    lines = [
        f"POST {CHAT} HTTP/1.1", "host: bench", f"authorization: Bearer {peers.KEY}",
        "content-type: application/json", f"content-length: {len(body.encode())}", "", body,
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


async def _called(port: int, request: bytes) -> bytes:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return b""
    writer.write(request)
    try:
        return await _message(reader)
    finally:
        writer.close()
