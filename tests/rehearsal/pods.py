"""The pods of a cluster: made from templates, put on nodes, started, watched, ended.

What controllers ask of a pod is in `Held`. The object in the store follows the process.
"""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rehearsal.kubelet import Kubelet, Pod
from rehearsal.objects import Manifest, Objects, name_of
from rehearsal.scheduling import Node, Placed, place

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Of the letters of a generated name (k8s.io/apimachinery/pkg/util/rand)."""


@dataclass
class Held:
    """A pod that exists. Times are the loop's; `ready_s` is when it became ready, or None."""

    name: str
    owner: str
    labels: dict[str, str]
    created_s: float
    live: Pod | None = None
    node: str = ""
    ready_s: float | None = None
    changed_s: float = 0.0
    ended_s: float | None = None
    ending: bool = False
    reason: str = ""

    @property
    def phase(self) -> str:
        """Pending, Running, Succeeded or Failed."""
        return self.live.phase if self.live is not None else "Pending"

    @property
    def ready(self) -> bool:
        """Say whether it is ready and not ending."""
        return self.ready_s is not None and not self.ending

    @property
    def failed(self) -> bool:
        """Say whether it has ended and will not be started again."""
        return self.phase in {"Failed", "Succeeded"}

    def available(self, now_s: float, least_s: float) -> bool:
        """Say whether it has been ready for `least_s`."""
        return self.ready and self.ready_s is not None and now_s - self.ready_s >= least_s


class Pods:
    """Every pod, by name. `changed` is called whenever something about one has changed."""

    def __init__(
        self, objects: Objects, kubelets: Mapping[str, Kubelet], changed: Callable[[], None]
    ) -> None:
        self.nodes: dict[str, Node] = {}
        self.held: dict[str, Held] = {}
        self._objects = objects
        self._kubelets = kubelets
        self._changed = changed
        self._tasks: set[asyncio.Task[None]] = set()
        self._letters = random.Random()
        self.failures: list[BaseException] = []

    # --- asked by controllers ----------

    def create(self, owner: Manifest, template: Manifest, name: str = "", **more: str) -> Held:
        """Make a pod of a template; without a name it is the owner's and five letters."""
        if not name:
            tail = "".join(self._letters.choices(ALPHABET, k=5))
            name = "-".join(filter(None, (name_of(owner), *more.values(), tail)))
        meta = copy.deepcopy(template.get("metadata") or {})
        meta["name"] = name
        meta["labels"] = {**(meta.get("labels") or {}), **_as_labels(more)}
        meta["ownerReferences"] = [
            {
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": name_of(owner),
                "uid": owner["metadata"]["uid"],
                "controller": True,
            }
        ]
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": meta}
        manifest["spec"] = copy.deepcopy(template["spec"])
        manifest["status"] = {"phase": "Pending"}
        self._objects.create(manifest)
        now = self.now
        pod = Held(name, owner["metadata"]["uid"], meta["labels"], now, changed_s=now)
        self.held[name] = pod
        self._changed()
        return pod

    def delete(self, name: str, grace: float | None = None) -> asyncio.Task[None] | None:
        """End a pod; None where it ends already."""
        pod = self.held[name]
        if pod.ending and grace is None:
            return None
        pod.ending = True
        self._reflect(pod)
        return self._spawn(self._end(pod, grace))

    def of(self, owner: Manifest) -> list[Held]:
        """Return the pods of an owner, ending ones too."""
        uid = owner["metadata"]["uid"]
        return [pod for pod in self.held.values() if pod.owner == uid]

    def alike(self, pod: Held) -> int:
        """Return how many pods of the same owner share its node."""
        return sum(
            other.owner == pod.owner and other.node == pod.node and other is not pod
            for other in self.held.values()
        )

    @property
    def now(self) -> float:
        """The loop's time."""
        return asyncio.get_running_loop().time()

    # --- the scheduler and the kubelets ----------

    def schedule(self) -> None:
        """Put every pod that waits on a node, where one takes it."""
        for pod in list(self.held.values()):
            if pod.node or pod.ending:
                continue
            placed = [
                Placed(other.node, other.labels)
                for other in self.held.values()
                if other.node and not other.ending and not other.failed
            ]
            spec = self._objects.get("Pod", pod.name)["spec"]
            node = place(list(self.nodes.values()), placed, pod.labels, spec)
            if node is None:
                pod.reason = "no node takes it"
                continue
            pod.node, pod.reason = node, ""
            self._objects.update("Pod", pod.name, spec={**spec, "nodeName": node})
            self._spawn(self._start(pod))

    def cordon(self, node: str, *, cordoned: bool) -> None:
        """Take new pods on a node no more, or again."""
        self.nodes[node] = replace(self.nodes[node], cordoned=cordoned)
        self._changed()

    async def close(self) -> None:
        """Let nothing more happen; what still starts or ends is given up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _start(self, pod: Held) -> None:
        manifest = self._objects.get("Pod", pod.name)
        kubelet = self._kubelets[pod.node]
        pod.live = await kubelet.start(manifest, on_change=lambda _: self._follow(pod))
        if pod.ending:
            await pod.live.delete(0)
        self._follow(pod)

    async def _end(self, pod: Held, grace: float | None) -> None:
        if pod.live is not None:
            await pod.live.delete(grace)
        if self.held.get(pod.name) is pod:
            del self.held[pod.name]
            self._objects.delete("Pod", pod.name)
        self._changed()

    def _follow(self, pod: Held) -> None:
        """Take over what the process says."""
        live = pod.live
        if live is None or self.held.get(pod.name) is not pod:
            return
        if live.ready != (pod.ready_s is not None):
            pod.ready_s = self.now if live.ready else None
            pod.changed_s = self.now
        if pod.ended_s is None and pod.failed:
            pod.ended_s = self.now
        pod.reason = live.reason
        self._reflect(pod)
        self._changed()

    def _reflect(self, pod: Held) -> None:
        """Write the pod's state into its object."""
        old = self._objects.get("Pod", pod.name)
        meta = dict(old["metadata"])
        if pod.ending:
            meta.setdefault("deletionTimestamp", _stamp())
        status = dict(old["status"]) if pod.live is None else pod.live.status()
        self._objects.update("Pod", pod.name, metadata=meta, status=status)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.failures.append(task.exception())
            self._changed()


def _as_labels(more: Mapping[str, str]) -> dict[str, str]:
    return {key.replace("_", "-"): value for key, value in more.items()}


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def asks_for(pod: Manifest, kind: str, name: str) -> bool:
    """Say whether a pod mounts the ConfigMap or Secret of this name."""
    key, field = ("configMap", "name") if kind == "ConfigMap" else ("secret", "secretName")
    for volume in pod["spec"].get("volumes") or ():
        parts = [volume, *((volume.get("projected") or {}).get("sources") or ())]
        for part in parts:
            given = part.get(key) or {}
            if name in {given.get(field), given.get("name")}:
                return True
    return False
