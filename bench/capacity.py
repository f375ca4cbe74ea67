"""How much of everything a load needs, what breaks first, and the knob for it: `make capacity`.

Costs are those that `make bench` has measured (the newest files in `bench/results`, compiled);
what no file holds stands in `KNOWN` with its source. From them follow the sizes of a deployment,
by arithmetic; how far a processor may be loaded follows from a simulation (`queues`).

    python -m bench.capacity [--write]      prints the tables; --write puts them in docs/capacity.md
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.queues import simulate

RESULTS = Path(__file__).parent / "results"
DOCUMENT = Path(__file__).parents[1] / "docs" / "capacity.md"
BEGIN, END = "<!-- capacity: begin -->\n", "<!-- capacity: end -->\n"

EXACT = "Sluicegate governed, exact on Valkey"
LEASED = "Sluicegate governed, leased on Valkey"
LOADS = (10_000, 100_000, 1_000_000, 10_000_000)
LEAST_REPLICAS = 3
FEWEST_CONNECTIONS = 2
"""The least that `store.connections` may be."""
RESERVED_CONNECTIONS = 3
"""PostgreSQL's `superuser_reserved_connections`."""
PLANNED = 0.6
"""Of each processor; the simulation says what more would cost."""


@dataclass(frozen=True)
class Costs:
    """What one request costs, in CPU-µs, and one subject in bytes."""

    exact_us: float
    leased_us: float
    valkey_us: float
    subject_bytes: float
    worker_mb: float
    priced_us: float
    priced_valkey_us: float
    entry_us: float
    """PostgreSQL, for an entry of the ledger."""
    mover_us: float
    """The one process that moves them, for an entry."""
    entry_bytes: float
    line_bytes: float


KNOWN = {
    # docs/performance.md, "Priced": one noisy run
    "priced_us": 234.0,
    "priced_valkey_us": 110.0,
    # python -m bench.ledger: 33.7 CPU-µs of PostgreSQL and 12.3 of the mover for booking an entry;
    # reading it from the state is about 10 more (docs/performance.md)
    "entry_us": 33.7,
    "mover_us": 22.3,
    "entry_bytes": 828.0,
    # a line of the access log of `make run`
    "line_bytes": 430.0,
}


def costs(folder: Path = RESULTS) -> Costs:
    """Read the newest results that hold what is needed. Raises LookupError where none does."""
    found: dict[str, float] = {}
    for path in sorted(folder.glob("*.json"), reverse=True):
        result = json.loads(path.read_text())
        rows = {row["name"]: row for row in result.get("cost", ())}
        if EXACT in rows and "exact_us" not in found:
            found["exact_us"] = rows[EXACT]["cpu_us"]
            found["leased_us"] = rows[LEASED]["cpu_us"]
            found["valkey_us"] = rows[EXACT]["valkey_us"]
            found["worker_mb"] = rows[EXACT]["memory_mb"]
        sizes = [one["bytes_each"] for one in result.get("state", ())]
        if sizes and "subject_bytes" not in found:
            found["subject_bytes"] = max(sizes)
    if len(found) < len(Costs.__annotations__) - len(KNOWN):
        raise LookupError(f"no results of a full `make bench` in {folder}")
    return Costs(**found, **KNOWN)


@dataclass(frozen=True)
class Deployment:
    """What stands there, and what comes. The defaults are the chart's, with all it may scale to."""

    rps: float
    replicas: int = 10
    workers: int = 2
    leased: bool = False
    shards: int = 1
    subjects: int = 100_000
    """Callers who have asked within the longest window."""
    hottest: float = 0.05
    """Share of the load that one caller makes."""
    state_mb: float = 1024
    connections: int = 5
    """`store.connections` of a replica; one more listens."""
    database_connections: int = 100
    """PostgreSQL's `max_connections`."""
    state_clients: int = 10_000
    """Valkey's `maxclients`."""
    priced: float = 0.0
    """Share of the load that are calls of models with a price."""

    def calls(self) -> float:
        """Return the calls of the state a second: each request, or each block that is borrowed.

        A worker borrows for a subject at most about once a second (docs/limits.md), and only if it
        was asked by it: of N·W pairs those that a Poisson stream meets.
        """
        if not self.leased:
            return self.rps
        pairs = float(self.subjects * self.replicas * self.workers)
        return pairs * -math.expm1(-self.rps / pairs)


@dataclass(frozen=True)
class Load:
    """How much of one thing is used: 1 is all that should be; and what to turn when it is more."""

    what: str
    used: float
    knob: str


def loads(at: Deployment, costs: Costs) -> list[Load]:
    """Say how far everything is used, against `PLANNED` where it is a processor."""
    plain = at.rps * (1 - at.priced)
    cpu_us = plain * (costs.leased_us if at.leased else costs.exact_us)
    cpu_us += at.rps * at.priced * costs.priced_us
    per_call = costs.valkey_us * 1e-6
    priced_s = at.rps * at.priced * costs.priced_valkey_us * 1e-6
    shard_s = at.calls() * (1 - at.priced) * per_call / at.shards
    hottest_s = at.rps * at.hottest * (1 - at.priced) * per_call
    if at.leased:
        hottest_s = min(hottest_s, at.replicas * at.workers * per_call)
    entries = at.rps * at.priced
    # A worker has two connections to each server of the state, and its management process four.
    clients = at.replicas * (2 * at.workers + 4)
    return [
        Load("gateway: CPU", cpu_us * 1e-6 / (at.replicas * at.workers) / PLANNED,
             "`autoscaling.maxReplicas`"),
        Load("Valkey: CPU of the one that counts a caller", hottest_s / PLANNED,
             "`mode: leased` for that plan"),
        Load("Valkey: CPU of a shard", shard_s / PLANNED, "shards: `state.url: rediss+cluster://…`"),
        Load("Valkey: memory of a shard",
             at.subjects * costs.subject_bytes / at.shards / (at.state_mb * 2**20),
             "`maxmemory`, then shards"),
        Load("Valkey: clients", clients / at.state_clients, "`maxclients`"),
        Load("Valkey: CPU of the one that counts money", priced_s / PLANNED,
             "none in a region: one script charges them all"),
        Load("PostgreSQL: connections",
             at.replicas * (at.connections + 1) / (at.database_connections - RESERVED_CONNECTIONS),
             "`store.connections`, then `max_connections`"),
        Load("PostgreSQL: CPU for the ledger, of 4 cores",
             entries * costs.entry_us * 1e-6 / 4 / PLANNED, "a larger database"),
        Load("the ledger's mover: CPU", entries * costs.mover_us * 1e-6 / PLANNED,
             "none in a region: one moves at a time"),
    ]  # fmt: skip


@dataclass(frozen=True)
class Broken:
    """What gives way first, at how many requests a second, and what is done about it."""

    rps: float
    what: str
    knob: str
    after: Deployment


def breaks(at: Deployment, costs: Costs) -> Iterator[Broken]:
    """Turn one knob after the other until the load is carried."""
    while True:
        worst = max(loads(at, costs), key=lambda load: load.used)
        if worst.used <= 1:
            return
        turned = turn(at, worst)
        yield Broken(at.rps / worst.used, worst.what, worst.knob, turned)
        if turned == at:
            return
        at = turned


def turn(at: Deployment, load: Load) -> Deployment:
    """Return the deployment that carries `load`; the same one where no knob does."""
    turned = at
    match load.what:
        case "gateway: CPU":
            turned = replace(at, replicas=math.ceil(at.replicas * load.used))
        case "Valkey: CPU of the one that counts a caller":
            turned = replace(at, leased=True)
        case "Valkey: CPU of a shard" | "Valkey: memory of a shard":
            turned = replace(at, shards=math.ceil(at.shards * load.used))
        case "Valkey: clients":
            clients = 2 ** math.ceil(math.log2(at.state_clients * load.used))
            turned = replace(at, state_clients=clients)
        case "PostgreSQL: connections" if at.connections > FEWEST_CONNECTIONS:
            turned = replace(at, connections=FEWEST_CONNECTIONS)
        case "PostgreSQL: connections":
            wanted = at.replicas * (at.connections + 1) + RESERVED_CONNECTIONS
            turned = replace(at, database_connections=math.ceil(wanted / 100) * 100)
    return turned


# --- the tables ---


def table(head: list[str], rows: list[list[str]]) -> str:
    """Draw a table in Markdown; the first column is text, the others are numbers or text."""
    lines = [head, ["---", *["---:" for _ in head[1:]]], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def waits_table(at: Costs) -> str:
    """Say what loading worker and Valkey to a share of their time costs."""
    rows = []
    for share in (0.5, 0.6, 0.7, 0.8, 0.9):
        waits = simulate(at.exact_us * 1e-6, at.valkey_us * 1e-6, share)
        rows.append([
            f"{share:.0%}", f"{waits.p50_s * 1e3:.2f} ms", f"{waits.p99_s * 1e3:.2f} ms",
            f"{waits.state_p99_s * 1e3:.2f} ms", f"{waits.late:.2%}",
        ])  # fmt: skip
    return table(
        ["CPU of worker and Valkey", "p50", "p99", "the state's p99", "beyond 25 ms"], rows
    )


def sizes_table(at: Costs) -> str:
    """Say what carries each load, where callers are counted exactly as far as that goes."""
    rows = []
    for rps in LOADS:
        needed = math.ceil(rps * at.exact_us * 1e-6 / Deployment.workers / PLANNED)
        carried = grown(Deployment(rps, replicas=max(LEAST_REPLICAS, needed)), at)
        rows.append([
            number(rps), str(carried.replicas), "leased" if carried.leased else "exact",
            str(carried.shards), f"{carried.calls() / carried.shards / 1e3:.0f} k/s",
            f"{carried.replicas * (carried.connections + 1)} of {carried.database_connections}",
            f"{rps * at.line_bytes / 1e6:.0f} MB/s",
        ])  # fmt: skip
    head = ["requests/s", "replicas of 2 workers", "mode", "Valkey shards", "calls of a shard",
            "PostgreSQL connections", "access log"]  # fmt: skip
    return table(head, rows)


def ceilings_table(at: Costs) -> str:
    """Say what calls of models with a price, and nothing else, find in their way, by the rate."""
    rows = [
        [load.what, f"{number(1000 / load.used)}/s", load.knob]
        for load in sorted(loads(Deployment(1000, priced=1.0), at), key=lambda load: -load.used)
        if load.used and load.what.endswith(("CPU", "money", "cores"))
    ]
    return table(["gives way", "at", "the knob"], rows)


def breaks_table(at: Costs) -> str:
    """Say what gives way first on the way to each load, one knob after the other."""
    rows = []
    for rps in LOADS:
        before = Deployment(rps)
        for place, broken in enumerate(breaks(before, at), 1):
            turned = f"{broken.knob}: {difference(before, broken.after)}"
            rows.append([number(rps), str(place), broken.what, f"{number(broken.rps)}/s", turned])
            before = broken.after
    return table(["to carry", "", "gives way", "at", "the knob"], rows)


def difference(before: Deployment, after: Deployment) -> str:
    """Say what was turned to what."""
    turned = [
        name.replace("_", " ") if value is True else f"{value:,} {name.replace('_', ' ')}"
        for name, value in asdict(after).items()
        if value != getattr(before, name)
    ]
    return ", ".join(turned) or "none: this is the bound"


def grown(at: Deployment, costs_: Costs) -> Deployment:
    """Return the deployment in which nothing is left that gives way, but for what has no knob."""
    for broken in breaks(at, costs_):
        at = broken.after
    return at


def number(value: float) -> str:
    """Write 10000 as `10 k`, 2500000 as `2.5 M`."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


def document(at: Costs) -> str:
    """Return what stands between the markers of docs/capacity.md."""
    return (
        f"\nCosts: {at.exact_us:.1f} CPU-µs a request counted exactly, {at.leased_us:.1f} leased, "
        f"{at.valkey_us:.1f} of Valkey for a call, {at.priced_us:.0f} and "
        f"{at.priced_valkey_us:.0f} for a priced call of a model; {at.subject_bytes:.0f} bytes a "
        f"subject, {at.worker_mb:.0f} MB a worker; an entry of the ledger {at.entry_us:.1f} "
        f"CPU-µs of PostgreSQL, {at.mover_us:.1f} of the mover and {at.entry_bytes:.0f} bytes.\n\n"
        "### How full a processor may be\n" + waits_table(at) + "\n### Sizes\n" + sizes_table(at)
        + "\n### What gives way first: requests, limits by caller\n" + breaks_table(at)
        + "\n### What gives way first: calls of models with a price\n" + ceilings_table(at) + "\n"
    )  # fmt: skip


def main(args: list[str] | None = None) -> None:
    """Print the tables, or put them into their page."""
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put them into {DOCUMENT.name}")
    text = document(costs())
    if parser.parse_args(args).write:
        page = DOCUMENT.read_text()
        begin, rest = page.split(BEGIN)
        DOCUMENT.write_text(begin + BEGIN + text + END + rest.split(END)[1])
    else:
        print(text)


if __name__ == "__main__":
    main()
