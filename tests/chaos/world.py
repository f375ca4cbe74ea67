"""The real processes of one scenario: three targets, links to them, and a gateway before them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from chaos.load import Load
from chaos.verdicts import GATEWAY, Absence, Evidence, Line, Read
from support.gateway import Gateway, start
from support.ports import eventually, free_port, listens
from support.tcp_proxy import TcpProxy

TARGETS = 3
WORK_MS = 5
LOOK_S = 0.02


class Target:
    """One target process, its link, and what it has read."""

    def __init__(self, folder: Path, number: int) -> None:
        self.name = f"t{number}"
        self.port = free_port()
        self.link = TcpProxy(self.port)
        self._file = folder / f"{self.name}.reads"
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        """Start the process; `eventually` it listens."""
        program = Path(__file__).with_name("targets.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(program), str(self.port), str(self._file), str(WORK_MS)],
            stdin=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """End the process by SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def lines(self) -> list[list[str]]:
        """Return what it has written down: whether of a head or whole, method, id, in flight."""
        if not self._file.exists():
            return []
        lines = self._file.read_text().splitlines()
        return [line.split(" ") for line in lines]

    def reads(self) -> list[Read]:
        """Return every request that it has read."""
        return [
            Read(self.name, method, name, what == "whole") for what, method, name, _ in self.lines()
        ]


class World:
    """Everything that a scenario acts on. `via_links` puts the TCP proxies before the targets."""

    def __init__(self, folder: Path, *, via_links: bool, check: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._via_links = via_links
        self._check = check
        self.targets = [Target(folder, number) for number in range(TARGETS)]
        self.absences: list[Absence] = []
        self.counted: defaultdict[str, float] = defaultdict(
            float
        )  # of every gateway that was stopped
        self._port, self._management = free_port(), free_port()
        self.load = Load(self._port)
        self._gateways = 0
        self._gateway: Gateway | None = None

    # --- from beginning to end ----------

    async def start(self) -> None:
        """Start all processes, and wait until the gateway is ready."""
        await self.start_targets(*self.targets)
        if self._via_links:
            for target in self.targets:
                await target.link.start()
        await self.start_gateway()

    async def stop(self) -> None:
        """End all processes; raises AssertionError when the gateway does not end as it should."""
        await self.load.close()
        try:
            await self.stop_gateway()
        finally:
            for target in self.targets:
                target.kill()
                await target.link.stop()

    async def start_targets(self, *targets: Target) -> float:
        """Start targets; returns when the last of them listened."""
        for target in targets:
            target.spawn()
        for target in targets:
            await _until(partial(listens, target.port), f"{target.name} listens")
        self.present(*(target.name for target in targets))
        return self.now

    def kill_targets(self, *targets: Target) -> float:
        """Kill targets; returns when."""
        began = self.now
        for target in targets:
            self.absent(target.name)
        for target in targets:
            target.kill()
        return began

    async def start_gateway(self) -> float:
        """Start a gateway, on the same ports each time; returns when it was ready."""
        self._gateways += 1
        self._gateway = start(
            self._folder / f"gateway-{self._gateways}",
            self._configuration(),
            SLUICEGATE_GATEWAY_LISTEN=f"127.0.0.1:{self._port}",
            SLUICEGATE_MANAGEMENT_LISTEN=f"127.0.0.1:{self._management}",
            SLUICEGATE_GATEWAY_WORKERS="2",
            SLUICEGATE_STORE_URL="none",
        )
        self._gateway.management = self._management
        await _until(self._gateway_is_ready, "the gateway is ready")
        self.present(GATEWAY)
        return self.now

    async def stop_gateway(self) -> float:
        """Stop the gateway by SIGTERM, keeping what it has counted; returns when it was told."""
        running, self._gateway = self._gateway, None
        if running is None:
            return self.now
        try:
            told = self.now
            if running.process.poll() is None:
                self._count(await asyncio.to_thread(running.metrics))
                told = self.now
                self.absent(GATEWAY)
            status = await asyncio.to_thread(running.stop)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()
        said = running.err.read_text()
        assert status == 0, said
        assert "Traceback" not in said, said
        return told

    def _gateway_is_ready(self) -> bool:
        assert self._gateway is not None
        if self._gateway.process.poll() is not None:
            raise AssertionError(self._gateway.err.read_text())
        return self._gateway.healthy()

    def _count(self, samples: dict[str, float]) -> None:
        for name, value in samples.items():
            self.counted[name] += value

    # --- what is known ----------

    def total(self, family: str, label: str = "") -> float:
        """Return what all gateways that were stopped had counted of a family, with a label."""
        return sum(
            value
            for name, value in self.counted.items()
            if name.partition("{")[0] == family and label in name
        )

    @property
    def now(self) -> float:
        """The loop's seconds, as in every result."""
        return asyncio.get_running_loop().time()

    def absent(self, who: str) -> None:
        """Note that somebody is not there from now on."""
        self.absences.append(Absence(who, self.now))

    def present(self, who: str, *others: str) -> None:
        """Note that somebody is there again."""
        for name in (who, *others):
            for index, each in enumerate(self.absences):
                if each.who == name and each.until == float("inf"):
                    self.absences[index] = replace(each, until=self.now)

    async def metrics(self) -> dict[str, float]:
        """Scrape the gateway."""
        assert self._gateway is not None
        return await asyncio.to_thread(self._gateway.metrics)

    async def taken_out(self, target: Target, until: float) -> float | None:
        """Return when the gateway no longer chose a target, as seen by scraping; None: not yet."""
        label = f'target="127.0.0.1:{self._port_of(target)}"'
        while self.now < until:
            found = await self.metrics()
            if any(
                name.startswith("sluicegate_target_available{") and label in name and not value
                for name, value in found.items()
            ):
                return self.now
            await asyncio.sleep(LOOK_S)
        return None

    async def asked(self, target: Target, until: float) -> float | None:
        """Return when a target has read a request that it had not before; None: not yet."""
        before = len(target.lines())
        while self.now < until:
            if len(target.lines()) > before:
                return self.now
            await asyncio.sleep(LOOK_S)
        return None

    async def answered(self, since: float, until: float) -> None:
        """Return when a request that was sent after `since` was answered, or at `until`."""
        while self.now < until:
            if any(each.ok and each.started >= since for each in self.load.results[-50:]):
                return
            await asyncio.sleep(LOOK_S)

    def evidence(self, recovery_s: float) -> Evidence:
        """Return what is known besides what the clients saw. Call it once all has ended."""
        log = {}
        for file in self._folder.glob("gateway-*/out.log"):
            for line in map(json.loads, file.read_text().splitlines()):
                log[line["request_id"]] = Line(line["outcome"], line["attempts"])
        reads = [read for target in self.targets for read in target.reads()]
        return Evidence([each.name for each in self.targets], self.absences, reads, log, recovery_s)

    def _port_of(self, target: Target) -> int:
        return target.link.port if self._via_links else target.port

    def _configuration(self) -> str:
        """Write it as an operator would who leaves everything as it is."""
        service: dict[str, object] = {
            "targets": [f"http://127.0.0.1:{self._port_of(target)}" for target in self.targets]
        }
        if self._check:
            service["check"] = {"path": "/healthy"}
        routes = {"all": {"match": {"path": "/**"}, "service": "app"}}
        return json.dumps({"services": {"app": service}, "routes": routes})


async def _until(condition: Callable[[], object], what: str) -> None:
    await asyncio.to_thread(eventually, condition, what, within_s=30)


@asynccontextmanager
async def world(
    folder: Path, *, via_links: bool = False, check: bool = False
) -> AsyncIterator[World]:
    """Run the processes of a scenario for as long as the block lasts."""
    made = World(folder, via_links=via_links, check=check)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()
