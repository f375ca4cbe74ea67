"""The gateway under test: as the process that users run, or as a data plane on the test's loop.

    with gateway(tmp_path, YAML) as running:         # python -m sluicegate run FILE
        answer = get(running.port, "/hello")

    async with data_plane(tmp_path, YAML, clock=MockClock()) as plane:
        plane.port, plane.clock, plane.logs …

Ports, data folder and drain times come from the environment, so YAML need not name them.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sluicegate.assemble import LOOK_S, DataPlane
from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.snapshot.load import load
from sluicegate.snapshot.policies import PolicyCatalog
from support.mock_clock import MockClock
from support.ports import asked_until, eventually, free_port, listening_socket
from support.processes import below
from support.raw_http import Answer, get

RUN = ("-m", "sluicegate", "run")
"""What Python is given before the name of the configuration file."""


@dataclass
class Gateway:
    """A gateway process. `port` is the data port, `management` the other one."""

    process: subprocess.Popen[bytes]
    file: Path
    port: int
    management: int
    out: Path
    err: Path
    expected_exit: int = 0

    def write(self, yaml: str) -> None:
        """Replace the configuration file, whole, as an editor or ConfigMap does."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(yaml)
        fresh.replace(self.file)

    def reload(self) -> None:
        """Ask for a reload by SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

    def logs(self) -> list[dict[str, Any]]:
        """Return every JSON line of standard error so far."""
        return [json.loads(line) for line in self.err.read_text().splitlines() if line[:1] == "{"]

    def access_log(self) -> list[dict[str, Any]]:
        """Return every JSON line of standard output so far."""
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    def actuator(self, path: str) -> Answer:
        """Ask the management port for `/actuator/<path>`."""
        return get(self.management, f"/actuator/{path}", host=f"127.0.0.1:{self.management}")

    def healthy(self, part: str = "readiness") -> bool:
        """Say whether `/actuator/health/<part>` of the management port answers 200."""
        try:
            return self.actuator(f"health/{part}").status == 200
        except (OSError, EOFError):
            return False

    def health(self) -> dict[str, Any]:
        """Return the details of health; asks again where they cannot be told in time."""
        return asked_until(
            lambda: dict(json.loads(self.actuator("health").body)),
            lambda found: "workers" in found,
            "the details of health are told",
        )

    def metrics(self) -> dict[str, float]:
        """Scrape; returns every sample by its name and labels as exposed.

        Asks again where the supervisor does not answer in time, which is a 503.
        """
        answer = asked_until(
            lambda: self.actuator("prometheus"),
            lambda answer: answer.status == 200,
            "metrics are told",
        )
        text = answer.body.decode()
        lines = (line for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines)}

    def workers(self) -> list[int]:
        """Return the process ids below the gateway's own, oldest first."""
        return below(self.process.pid)

    def stop(self, *, within_s: float = 20) -> int:
        """Ask the process to end by SIGTERM, and return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(within_s)


def environment(port: int, management: int, folder: Path, **more: str) -> dict[str, str]:
    """Return the settings of a gateway under test; `more` adds to them or replaces them."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SLUICEGATE_")}
    return {
        **inherited,
        "PYTHONWARNINGS": "error",
        "SLUICEGATE_GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "SLUICEGATE_MANAGEMENT_LISTEN": f"127.0.0.1:{management}",
        "SLUICEGATE_GATEWAY_DRAIN_GRACE": "0",
        "SLUICEGATE_GATEWAY_DRAIN_DEADLINE": "5s",
        "SLUICEGATE_DATA_DIR": str(folder / "data"),
        "SLUICEGATE_STORE_URL": "none",  # most tests have no use for one; those that do say so
        **more,
    }


def start(folder: Path, yaml: str, *, program: tuple[str, ...] = RUN, **environ: str) -> Gateway:
    """Start a gateway process and return at once; `gateway` is what most tests want."""
    folder.mkdir(parents=True, exist_ok=True)
    file, out, err = folder / "application.yml", folder / "out.log", folder / "err.log"
    file.write_text(yaml)
    port, management = free_port(), free_port()
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, *program, str(file)],
            env=environment(port, management, folder, **environ),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,
        )
    return Gateway(process, file, port, management, out, err)


def _ready(running: Gateway) -> bool:
    if running.process.poll() is not None:
        raise AssertionError(f"the gateway ended at its start:\n{running.err.read_text()}")
    return running.healthy()


@contextmanager
def gateway(
    folder: Path, yaml: str, *, program: tuple[str, ...] = RUN, **environ: str
) -> Iterator[Gateway]:
    """Run a gateway process until the block ends; it is ready when the block begins.

    Leaving asserts that it ends by SIGTERM with `expected_exit` and never logged a traceback.
    """
    running = start(folder, yaml, program=program, **environ)
    try:
        eventually(lambda: _ready(running), f"the gateway is ready, see {running.err}", within_s=40)
        yield running
        status = running.stop()
        assert status == running.expected_exit, running.err.read_text()
        assert "Traceback" not in running.err.read_text(), running.err.read_text()
    finally:
        _kill_all(running)


def _kill_all(running: Gateway) -> None:
    """Leave nothing behind, whatever the test did."""
    with suppress(ProcessLookupError):
        os.killpg(running.process.pid, signal.SIGKILL)
    running.process.wait(10)


@dataclass
class Plane:
    """A data plane on the test's own loop, with a real socket and the given clock."""

    inner: DataPlane
    clock: Clock
    file: Path
    port: int
    logs: list[dict[str, Any]] = field(default_factory=list)

    async def apply(self, yaml: str) -> None:
        """Swap in another configuration; raises ConfigError as the loader does."""
        self.file.write_text(yaml)
        await self.inner.apply(load(self.file, {}).resources)

    def counted(self, family: str, *labels: str) -> float:
        """Return a counter or gauge: the sum of the series that hold all these label values."""
        return sum(
            series.number
            for dump in self.inner.metrics.dump()
            if dump.name == family
            for series in dump.series
            if set(labels) <= set(series.values)
        )


@asynccontextmanager
async def data_plane(folder: Path, yaml: str, clock: Clock | None = None) -> AsyncIterator[Plane]:
    """Run a data plane with `yaml`; lines of the access log collect in `logs`."""
    file = folder / "application.yml"
    file.write_text(yaml)
    loaded = load(file, {"SLUICEGATE_DATA_DIR": str(folder / "data")})
    clock = clock or Clock()
    logs: list[dict[str, Any]] = []
    inner = DataPlane(
        loaded.settings,
        clock,
        PolicyCatalog(),
        Metrics(),
        lambda line: logs.append(json.loads(line)),
    )
    sock = listening_socket()
    try:
        await inner.apply(loaded.resources)
        await inner.listen(sock)
        yield Plane(inner, clock, file, sock.getsockname()[1], logs)
    finally:
        await _closed(inner, clock)
        sock.close()


async def _closed(inner: DataPlane, clock: Clock) -> None:
    """Close it. Where a connection has not ended yet it waits, for which time has to go on."""
    closing = asyncio.ensure_future(inner.close())
    if isinstance(clock, MockClock):
        while not closing.done():
            clock.advance(LOOK_S)
            await asyncio.sleep(0)
    await closing


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its ended children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return float(sum(int(value) for value in fields[11:15])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process, in MB (10**6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def settled_memory_mb(pid: int) -> float:
    """Return the memory of a process once it has not grown for 0.2 s."""
    last, deadline = memory_mb(pid), time.monotonic() + 5
    while time.monotonic() < deadline:
        time.sleep(0.2)
        now = memory_mb(pid)
        if now <= last:
            return now
        last = now
    return last
