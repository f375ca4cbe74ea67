"""One pod on a node: its containers, volumes and address, from its start until it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from rehearsal.environment import Missing, Source
from rehearsal.images import Image
from rehearsal.keeper import RETRY_S, Keeper
from rehearsal.network import Station
from rehearsal.plan import Facts, Planner
from rehearsal.processes import Usage
from rehearsal.volumes import Volumes

Manifest = dict[str, Any]
Phase = Literal["Pending", "Running", "Succeeded", "Failed"]
GRACE_S: Final = 30.0
"""terminationGracePeriodSeconds of the API."""
POLL_S: Final = 0.05
TAIL: Final = 2000
"""Characters of a log that an error quotes."""


class Pod:
    """A pod. `on_change(pod)` is called on the loop whenever something below has changed."""

    def __init__(
        self,
        manifest: Manifest,
        folder: Path,
        claims: Path,
        *,
        source: Source,
        stations: tuple[Station, Station],
        table: Mapping[str, Image],
        pace: float,
        on_change: Callable[[Pod], None] | None,
        on_gone: Callable[[Pod], None],
    ) -> None:
        metadata = manifest["metadata"]
        self.manifest = manifest
        self.name: str = metadata["name"]
        self.namespace: str = metadata.get("namespace", "default")
        self.uid: str = metadata.get("uid", "")
        self.labels: dict[str, str] = metadata.get("labels") or {}
        self.station, self._node = stations
        self.node = self._node.name
        self.address = self.station.address
        self.phase: Phase = "Pending"
        self.terminating = False
        """`delete` was called (deletionTimestamp is set)."""
        self.gone = False
        self.changes = 0
        """How often something has changed so far."""
        self._why = "not started"
        self._born = datetime.now(UTC)
        self._told = on_change
        self._on_gone = on_gone
        self._task: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._turned: dict[str, tuple[bool, str]] = {}
        facts = Facts(manifest, self.node, self.address, self._node.address)
        self._volumes = Volumes(folder / "volumes", claims, source, manifest, facts)
        self._planner = Planner(manifest, self.station.name, table, source, self._volumes, facts)
        spec = manifest["spec"]
        policy = spec.get("restartPolicy") or "Always"
        first = "OnFailure" if policy == "Always" else policy
        self._firsts = [
            self._keeper(each, folder, first, pace) for each in spec.get("initContainers") or ()
        ]
        self._keepers = [self._keeper(each, folder, policy, pace) for each in spec["containers"]]

    @property
    def grace_s(self) -> float:
        """terminationGracePeriodSeconds."""
        asked = self.manifest["spec"].get("terminationGracePeriodSeconds")
        return GRACE_S if asked is None else float(asked)

    @property
    def serving(self) -> bool:
        """Every container is started and ready, whether the pod is being deleted or not."""
        return self.phase == "Running" and all(keeper.ready for keeper in self._keepers)

    @property
    def ready(self) -> bool:
        """Serving, and not being deleted."""
        return self.serving and not self.terminating

    @property
    def restarts(self) -> int:
        """Restarts of all its containers together."""
        return sum(keeper.restarts for keeper in (*self._firsts, *self._keepers))

    @property
    def reason(self) -> str:
        """Why it is not ready, in one line, for reports: what the last start or probe said."""
        if self.ready:
            return "ready"
        waiting = [each for each in self._all() if not each.ready and each.reason]
        if self.phase in {"Pending", "Running"} and waiting:
            return "; ".join(f"{each.name}: {each.reason}" for each in waiting)
        return self._why

    def begin(self) -> None:
        """Start its containers behind the caller's back."""
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(self._ran)

    async def until(self, condition: Callable[[], object], within_s: float = 60) -> None:
        """Wait until `condition()` holds. Raises `TimeoutError` that says how the pod is."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + within_s
        while not condition():
            if clock() > deadline:
                tails = [f"{each.name}: {each.log()[-TAIL:]}" for each in self._all()]
                says = "\n".join([f"pod {self.name} is {self.phase}: {self.reason}", *tails])
                raise TimeoutError(says)
            await asyncio.sleep(POLL_S)

    async def delete(self, grace: float | None = None) -> None:
        """End it as `kubectl delete pod` does; returns when it is gone.

        preStop, then SIGTERM to the first process of each container, then SIGKILL when
        terminationGracePeriodSeconds (or `grace`) have passed since the call. 0 kills at once.
        """
        if self.terminating and grace != 0:
            await self._ended.wait()
            return
        self.terminating = True
        self._changed()
        grace_s = self.grace_s if grace is None else grace
        await asyncio.gather(*(keeper.stop(grace_s) for keeper in self._all()))
        await self._leave()

    async def kill(self) -> None:
        """SIGKILL everything of it, as when its node is lost: no restart, gone."""
        self.terminating = True
        for keeper in self._all():
            keeper.kill()
        await self._leave()

    def crash(self, container: str | None = None) -> None:
        """SIGKILL the first process of a container; the kubelet starts it again."""
        self._named(container).kill()

    async def execute(
        self, argv: Sequence[str], *, container: str | None = None, within_s: float = 10
    ) -> tuple[int, str]:
        """Run a command in a container, as `kubectl exec`: exit status, stdout with stderr.

        137 where the container does not run. Raises `TimeoutError`, and the command is killed.
        """
        return await self._named(container).execute(list(argv), within_s)

    def logs(self, container: str | None = None, *, previous: bool = False) -> str:
        """What a container wrote to stdout and stderr in its present run, or the one before."""
        return self._named(container).log(previous=previous)

    def usage(self) -> Usage:
        """CPU-seconds of all its containers since the pod's start, and their memory now."""
        return sum((keeper.usage() for keeper in self._all()), Usage())

    async def refresh(self) -> None:
        """Write changed ConfigMaps and Secrets into its volumes (swaps `..data`)."""
        await asyncio.to_thread(self._volumes.refresh)

    def status(self) -> Manifest:
        """`status` as the API has it."""
        started = self.phase != "Pending"
        conditions = {
            "PodScheduled": True,
            "Initialized": started,
            "ContainersReady": self.serving,
            "Ready": self.serving,
        }
        return {
            "phase": self.phase,
            "hostIP": self._node.address,
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "startTime": _stamp(self._born),
            "conditions": [self._condition(*pair) for pair in conditions.items()],
            "initContainerStatuses": [_status(each) for each in self._firsts],
            "containerStatuses": [_status(each) for each in self._keepers],
        }

    async def _run(self) -> None:
        await self._fill()
        for keeper in self._firsts:
            if await keeper.run():
                self._finish("Failed", f"{keeper.name} {keeper.reason}")
                return
        if self.terminating:
            return
        statuses = await asyncio.gather(*(keeper.run() for keeper in self._keepers))
        if not self.terminating:
            self._finish("Failed" if any(statuses) else "Succeeded", "its containers ended")

    def _ran(self, task: asyncio.Task[None]) -> None:
        """Tell of what should not have happened: a root that cannot be made, a field refused."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._finish("Failed", f"{type(error).__name__}: {error}")

    async def _fill(self) -> None:
        """Make the volumes, however long what they hold is missing."""
        while True:
            try:
                await asyncio.to_thread(self._volumes.make)
            except Missing as missing:
                self._why = str(missing.args[0])
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _leave(self) -> None:
        """Take away what is left of it: once, and to the end, whoever of those that wait is left.

        A second cancellation of its task would break off what the first one makes it take away.
        """
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self._take_away())
        await asyncio.shield(self._leaving)

    async def _take_away(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.gone = True
        await self.station.detach()
        await asyncio.to_thread(self._volumes.remove)
        if self.phase in {"Pending", "Running"}:
            ended = [keeper.state.get("terminated") for keeper in self._keepers]
            well = all(each is not None and each["exitCode"] == 0 for each in ended)
            self.phase = "Succeeded" if well else "Failed"
        self._on_gone(self)
        self._ended.set()
        self._changed()

    def _finish(self, phase: Phase, reason: str) -> None:
        self.phase = phase
        self._why = reason
        self._changed()

    def _changed(self) -> None:
        self.changes += 1
        if self.phase == "Pending" and all(keeper.begun for keeper in self._keepers):
            self.phase = "Running"
        if self._told is not None:
            self._told(self)

    def _keeper(self, spec: Manifest, folder: Path, policy: str, pace: float) -> Keeper:
        async def plan() -> Any:
            return self._planner.program(spec)

        return Keeper(
            spec,
            folder / spec["name"],
            plan=plan,
            stations=(self.station, self._node),
            policy=policy,
            grace_s=self.grace_s,
            pace=pace,
            changed=self._changed,
        )

    def _all(self) -> list[Keeper]:
        return [*self._firsts, *self._keepers]

    def _named(self, container: str | None) -> Keeper:
        if container is None:
            return self._keepers[0]
        return next(each for each in self._all() if each.name == container)

    def _condition(self, kind: str, holds: bool) -> Manifest:  # noqa: FBT001 - true or false
        known = self._turned.get(kind)
        if known is None or known[0] != holds:
            known = self._turned[kind] = (holds, _stamp(datetime.now(UTC)))
        return {"type": kind, "status": str(holds), "lastTransitionTime": known[1]}


def _status(keeper: Keeper) -> Manifest:
    return {
        "name": keeper.name,
        "image": keeper.spec["image"],
        "ready": keeper.ready,
        "started": keeper.started,
        "restartCount": keeper.restarts,
        "state": keeper.state,
    }


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
