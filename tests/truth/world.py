"""The real processes of one scenario: the oracle, the state, and replicas between them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from support.ports import eventually, free_port, listens
from truth.deployment import Deployment
from truth.evidence import Passed
from truth.load import Load
from truth.replica import Replica, total

SECOND_US = 1_000_000
DEGRADED = "sluicegate_limit_degraded_total"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a world is built. `skews_s` has a place for each replica whose clock is wrong."""

    state: str = "linked"
    replicas: int = 3
    workers: int = 2
    clients: int = 34
    skews_s: Sequence[float] = ()
    timeout_ms: int = 25


class World:
    """Everything that a scenario acts on. `policies` are those of each route, by its name."""

    def __init__(self, folder: Path, shape: Shape, policies: dict[str, list[Any]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.shape = shape
        self._folder = folder
        self._policies = policies
        self._oracle_port = free_port()
        self._reads = folder / "reads"
        self._oracle: subprocess.Popen[bytes] | None = None
        self.state = Deployment(shape.state, folder, shape.replicas + 1)
        self.replicas: list[Replica] = []
        self.load = Load([], clients=shape.clients)
        self.samples: list[dict[str, float]] = []

    # --- from beginning to end ----------

    async def start(self) -> None:
        """Start all processes, and wait until every replica serves."""
        self._oracle = self._spawned()
        await asyncio.to_thread(self.state.start)
        await until(partial(listens, self._oracle_port), "the oracle listens")
        await self.add(self.shape.replicas)

    async def add(self, count: int = 1) -> None:
        """Start further replicas, and connect to each once it serves."""
        fresh = [self._replica(len(self.replicas) + n) for n in range(count)]
        self.replicas += fresh
        for replica in fresh:
            replica.start()
        for replica in fresh:
            await until(replica.ready, "a replica is ready")
            await self.load.connect(self.load.add(replica.port))

    async def stop(self) -> None:
        """Keep what replicas have counted, and end them; raises AssertionError when one cannot."""
        await self.load.close()
        for replica in self.replicas:
            self.samples.append(await asyncio.to_thread(replica.metrics))
        for replica in self.replicas:
            await asyncio.to_thread(replica.stop)

    def kill(self) -> None:
        """End what still runs."""
        for replica in self.replicas:
            replica.kill()
        self.state.stop()
        if self._oracle is not None:
            self._oracle.kill()
            self._oracle.wait()

    # --- what is known ----------

    @property
    def now_us(self) -> int:
        """Microseconds since 1970."""
        return time.time_ns() // 1000

    async def room_in_window(self, seconds: float, period_us: int = 60 * SECOND_US) -> None:
        """Wait until a window has so much time left, so that what follows lies in one."""
        left_us = period_us - self.now_us % period_us
        if left_us < seconds * SECOND_US:
            await asyncio.sleep(left_us / SECOND_US + 0.05)

    def reads(self) -> dict[str, tuple[int, int]]:
        """Return when each request was read first, and done with last; 0: not yet. By id."""
        found: dict[str, tuple[int, int]] = {}
        for line in self._reads.read_text().splitlines() if self._reads.exists() else ():
            what, at, name = line.split(" ")
            since, until_us = found.get(name, (int(at), 0))
            found[name] = (since, int(at) if what == "done" else until_us)
        return found

    def passed(self, asker: str) -> list[Passed]:
        """Return what was let through of one asker's requests."""
        reads = self.reads()
        return [
            Passed(each.sent_us, reads[each.name][0])
            for each in self.load.results
            if each.asker == asker and each.name in reads
        ]

    def counted(self, family: str, **labels: str) -> float:
        """Add up what the replicas had counted of a family when they were stopped."""
        return sum(total(samples, family, **labels) for samples in self.samples)

    def _spawned(self) -> subprocess.Popen[bytes]:
        program = Path(__file__).with_name("oracle.py")
        return subprocess.Popen(
            [sys.executable, "-I", str(program), str(self._oracle_port), str(self._reads)],
            stdin=subprocess.DEVNULL,
        )

    def _replica(self, number: int) -> Replica:
        skews = self.shape.skews_s
        return Replica(
            self._folder / f"replica-{number}",
            self._configuration(number),
            self.shape.workers,
            skews[number] if number < len(skews) else 0.0,
        )

    def _configuration(self, number: int) -> str:
        written: dict[str, Any] = {
            "services": {"oracle": {"targets": [f"http://127.0.0.1:{self._oracle_port}"]}},
            "policies": [{"metrics": {}}],
            "routes": {
                name: {"match": {"path": f"/{name}"}, "service": "oracle", "policies": policies}
                for name, policies in self._policies.items()
            },
        }
        if self.shape.state != "memory":
            crew = self.shape.replicas * self.shape.workers
            written["state"] = {
                "url": self.state.url(number),
                "expected_workers": crew,
                "timeout": f"{self.shape.timeout_ms}ms",
            }
        return json.dumps(written)


async def until(condition: Callable[[], object], what: str, within_s: float = 30) -> None:
    """Wait for something that happens in other processes."""
    await asyncio.to_thread(eventually, condition, what, within_s=within_s)


@asynccontextmanager
async def world(folder: Path, shape: Shape, policies: dict[str, list[Any]]) -> AsyncIterator[World]:
    """Run the processes of a scenario for as long as the block lasts."""
    made = World(folder, shape, policies)
    try:
        await made.start()
        yield made
        await made.stop()
    finally:
        made.kill()
