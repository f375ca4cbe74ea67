"""What moving an entry of the ledger costs: CPU of PostgreSQL and of the mover, and bytes.

    python -m bench.ledger

Entries of 1000 consumers are booked in batches of 1000, as the mover does it, into the PostgreSQL
of the tests. CPU is user and system time of the whole server, and of this process, which does not
read the state. Bytes are those of the table with its indexes.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

from bench import postgres
from bench.processes import Running
from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.model.ledger import Entry
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.store.open import open_store

BATCH, BATCHES, WARM_UP = 1000, 60, 5
CONSUMERS = 1000


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, postgres.started(Path(name)) as server:
        url = server.database("ledger")
        tree = Running(server.process, 0, Path(name))
        own_s, all_s, wall_s = asyncio.run(_moved(url, tree))
        size = server.execute(
            "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits "
            "WHERE inhparent = 'ledger'::regclass",
            "ledger",
        )
    entries = BATCH * BATCHES
    sys.stdout.write(
        f"an entry: PostgreSQL {all_s / entries * 1e6:.1f} CPU-µs, "
        f"mover {own_s / entries * 1e6:.1f} CPU-µs, "
        f"{float(size[0][0]) / (entries + BATCH * WARM_UP):.0f} bytes; "
        f"{entries / wall_s:.0f} entries/s\n"
    )


async def _moved(url: str, server: Running) -> tuple[float, float, float]:
    """Return seconds for all batches after the first: own CPU, the server's CPU, wall."""
    settings = Settings(store=Store(url=url, username="postgres"))
    store = open_store(settings, Clock(), Metrics())
    await store.start()
    begin = time.time_ns() // 1000
    await store.ledger.prepare(begin)
    own = server_s = wall = 0.0
    for number in range(BATCHES + WARM_UP):
        if number == WARM_UP:
            own, server_s, wall = _own(), server.cpu_seconds(), time.monotonic()
        await store.ledger.book(_batch(number, begin))
    spent = _own() - own, server.cpu_seconds() - server_s, time.monotonic() - wall
    await store.close()
    return spent


def _batch(number: int, at_us: int) -> list[Entry]:
    return [
        Entry(
            id=f"{number:08x}-{place:08x}-0123456789abcdef", at_us=at_us + number * BATCH + place,
            consumer=f"consumer-{place % CONSUMERS:04}", team="team", key=f"{place:08}", plan="pro",
            route="ai", model="smart", provider="openai", deployment="smart/0", cost=1_234_567,
            input=900, output=300, status=200, attempts=1, endpoint="chat", asked="smart",
            duration_us=1_200_000, first_token_us=300_000, bytes_in=1024, bytes_out=1024,
        )
        for place in range(BATCH)
    ]  # fmt: skip


def _own() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
