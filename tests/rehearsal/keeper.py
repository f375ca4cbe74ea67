"""Keeps one container of a pod: starts it, asks its probes, starts it again, ends it.

Sources: "Pod Lifecycle" of Kubernetes' documentation (restarts, back-off, termination) and the
kubelet's kuberuntime_container.go (`killContainer`: what preStop takes is taken from the grace, of
which at least 2 s are left).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from rehearsal.container import Container, Program
from rehearsal.environment import Missing
from rehearsal.network import Station
from rehearsal.probes import Belief, Prober, Timing
from rehearsal.processes import Usage

Manifest = dict[str, Any]
RETRY_S: Final = 0.2
"""Between two looks for a ConfigMap or Secret that is not there."""
LEAST_GRACE_S: Final = 2.0
"""minimumGracePeriodInSeconds of the kubelet."""
FIRST_S, MOST_S, FORGOTTEN_S = 10.0, 300.0, 600.0
"""Back-off of the kubelet: doubled from 10 s to 5 min, forgotten after twice that."""


class BackOff:
    """How long a container that ended waits: not at all the first time, then 10 s, 20 s, …"""

    def __init__(self) -> None:
        self._next_s = 0.0
        self._last = 0.0

    def wait_s(self, now: float) -> float:
        """Return the seconds to wait for an end at `now`, and count it."""
        if now - self._last > FORGOTTEN_S:
            self._next_s = 0.0
        self._last = now
        wait_s = self._next_s
        self._next_s = min(max(FIRST_S, 2 * wait_s), MOST_S)
        return wait_s


class Keeper:
    """One container through all its runs; `plan` says what to run and may raise `Missing`."""

    def __init__(
        self,
        spec: Manifest,
        folder: Path,
        *,
        plan: Callable[[], Awaitable[Program]],
        stations: tuple[Station, Station],
        policy: str,
        grace_s: float,
        pace: float,
        changed: Callable[[], None],
    ) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.state: Manifest = {"waiting": {"reason": "ContainerCreating"}}
        """`state` of a containerStatus."""
        self.started = False
        self.ready = False
        self.restarts = 0
        self.begun = False
        """Whether it has run at all."""
        self.reason = ""
        """What its last start, probe or end said."""
        self.container: Container | None = None
        self.prober = self._prober(*stations)
        self._place = stations[0]
        self._folder = folder
        self._plan = plan
        self._policy = policy
        self._grace_s = grace_s
        self._pace = pace
        self._changed = changed
        self._runs = 0
        self._spent = Usage()
        self._ending: asyncio.Task[None] | None = None
        self._last = False
        self._up = asyncio.Event()
        self._settled = asyncio.Event()

    async def run(self) -> int:
        """Run it until it is not started again; returns the last exit status."""
        back_off = BackOff()
        clock = asyncio.get_running_loop().time
        while True:
            status = await self._run_once()
            again = self._policy == "Always" or (self._policy == "OnFailure" and status)
            if self._last or not again:
                return status
            if wait_s := back_off.wait_s(clock()):
                self.state = {"waiting": {"reason": "CrashLoopBackOff"}}
                self._changed()
                await asyncio.sleep(wait_s * self._pace)
            self.restarts += 1

    async def stop(self, grace_s: float) -> None:
        """End it for good, within `grace_s`; returns when it has ended."""
        self._last = True
        if self.container is not None:
            await self._end(grace_s)
            await self._settled.wait()

    def kill(self) -> None:
        """SIGKILL what runs now."""
        if self.container is not None:
            self.container.kill()

    def usage(self) -> Usage:
        """What all its runs used, and the memory of the present one."""
        return self._spent + (self.container.usage() if self.container else Usage())

    def log(self, *, previous: bool = False) -> str:
        """What the present (or the last) run wrote, or the one before."""
        path = self._log(self._runs - previous)
        return path.read_text(errors="replace") if path.exists() else ""

    async def execute(self, argv: Sequence[str], within_s: float) -> tuple[int, str]:
        """Run a command in it; 137 where it does not run."""
        if self.container is None:
            return 137, "the container does not run"
        return await self.container.execute(argv, within_s=within_s)

    async def _run_once(self) -> int:
        program = await self._planned()
        self._runs += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        room = self._folder / str(self._runs)
        container = self.container = Container(room, self._place, program, self._log(self._runs))
        probing: list[asyncio.Task[None]] = []
        self._settled.clear()
        try:
            await container.start()
            self._began()
            probing = [asyncio.ensure_future(work) for work in self._probes()]
            status = await container.wait()
        finally:
            for task in probing:
                task.cancel()
            await asyncio.gather(*probing, return_exceptions=True)
            await container.end()
            self._spent += container.usage()
            self.container = None
            self.started = self.ready = False
            self._settled.set()
        self.reason = f"ended with status {status}"
        self.state = {"terminated": {"exitCode": status, "reason": _word(status)}}
        self._changed()
        return status

    async def _planned(self) -> Program:
        while True:
            try:
                return await self._plan()
            except Missing as missing:
                self.reason = str(missing.args[0])
                self.state = {"waiting": {"reason": "CreateContainerConfigError"}}
                self._changed()
                await asyncio.sleep(RETRY_S)

    def _began(self) -> None:
        self.begun = True
        self.state = {"running": {}}
        self.reason = "running"
        self._up.clear()
        if "startupProbe" not in self.spec:
            self._pass_start()
        self._changed()

    def _pass_start(self) -> None:
        self.started = True
        self.ready = "readinessProbe" not in self.spec
        self._up.set()

    def _probes(self) -> list[Any]:
        found = []
        for name, initial in (("startup", False), ("liveness", True), ("readiness", False)):
            if probe := self.spec.get(f"{name}Probe"):
                found.append(self._probe(name, probe, Belief(Timing.of(probe), good=initial)))
        return found

    async def _probe(self, name: str, probe: Manifest, belief: Belief) -> None:
        timing = Timing.of(probe)
        clock = asyncio.get_running_loop().time
        first = clock() + timing.delay_s
        if name != "startup":
            await self._up.wait()
        await asyncio.sleep(max(0.0, first - clock()))
        while True:
            asked = clock()
            good, why = await self.prober.ask(probe, timing.timeout_s)
            if not good:
                self.reason = f"{name}: {why}"
            if belief.heard(good) and not self._heard(name, probe, good=good):
                return
            await asyncio.sleep(max(0.0, asked + timing.period_s - clock()))

    def _heard(self, name: str, probe: Manifest, *, good: bool) -> bool:
        """Act on what is believed now; returns whether to go on asking."""
        if name == "readiness":
            if self.ready != good:
                self.ready = good
                self._changed()
            return True
        if good:
            if name == "startup":
                self._pass_start()
                self._changed()
            return name != "startup"
        if not self._last:
            grace_s = probe.get("terminationGracePeriodSeconds", self._grace_s)
            self._ending = asyncio.ensure_future(self._end(grace_s))
        return False

    async def _end(self, grace_s: float) -> None:
        container = self.container
        if container is None:
            return
        clock = asyncio.get_running_loop().time
        deadline = clock() + grace_s
        await container.begun()  # what is being started cannot be told to end, and would go on
        if grace_s > 0 and container.pid:
            await self._pre_stop(grace_s)
            container.signal(signal.SIGTERM)
            left_s = max(deadline - clock(), LEAST_GRACE_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await container.wait()
        await container.end()

    async def _pre_stop(self, within_s: float) -> None:
        hook = (self.spec.get("lifecycle") or {}).get("preStop") or {}
        try:
            async with asyncio.timeout(within_s):
                if "exec" in hook:
                    await self.execute(hook["exec"]["command"], within_s)
                elif "sleep" in hook:
                    await asyncio.sleep(hook["sleep"]["seconds"])
                elif "httpGet" in hook:
                    await self.prober.get(hook["httpGet"])
        except (OSError, EOFError, ValueError) as error:  # TimeoutError is an OSError
            self.reason = f"preStop: {type(error).__name__}"

    def _prober(self, pod: Station, node: Station) -> Prober:
        ports = {
            each["name"]: each["containerPort"]
            for each in self.spec.get("ports") or ()
            if "name" in each
        }
        return Prober(node, pod.address, ports, self.execute)

    def _log(self, run: int) -> Path:
        return self._folder / f"{run}.log"


def _word(status: int) -> str:
    return "Error" if status else "Completed"
