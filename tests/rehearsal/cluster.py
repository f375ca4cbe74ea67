"""A small Kubernetes that runs rendered manifests as processes of this machine.

    async with Cluster(folder, nodes=(Node("n1", "a"), Node("n2", "b"))) as cluster:
        await cluster.install(manifests)            # hooks, resources, hooks; waits as helm --wait
        await cluster.upgrade(others)
        await cluster.drain("n1")
        cluster.timeline                            # what happened, with replicas ready and asked

One namespace, one release, one asyncio loop. Which kinds are acted on, and which are not and
why, stands in `kinds`; any other is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rehearsal import eviction, ingress
from rehearsal.api import Api
from rehearsal.autoscaler import Decision
from rehearsal.images import Image
from rehearsal.kinds import IGNORED, check_kind
from rehearsal.kubelet import Kubelet
from rehearsal.network import Network, Station
from rehearsal.objects import Change, Manifest, Objects, name_of, selects
from rehearsal.pod import Pod
from rehearsal.pods import Held, Pods, asks_for
from rehearsal.proxy import Proxy
from rehearsal.release import Release
from rehearsal.replicas import SYNC_S, Autoscalers
from rehearsal.scheduling import Node
from rehearsal.services import DELAY_S, HEADLESS, Services
from rehearsal.workloads import Deployments, Jobs, StatefulSets, unfinished
from support.certificates import Authority

NODES = (Node("node-1", "zone-a"), Node("node-2", "zone-b"), Node("node-3", "zone-c"))
LOOK_S = 0.1
SYNC_FILES_S = 1.0
"""How long after a change of a ConfigMap its files change; a kubelet takes up to a minute."""


@dataclass(frozen=True)
class Moment:
    """Something that happened, and the replicas of what it happened to. `at_s` since the start."""

    at_s: float
    what: str
    whose: str = ""
    ready: int = 0
    desired: int = 0


class Cluster:
    """Objects, controllers, nodes and the proxy."""

    def __init__(
        self,
        folder: Path,
        nodes: Sequence[Node] = NODES,
        *,
        namespace: str = "default",
        endpoint_delay_s: float = DELAY_S,
        autoscaler_period_s: float = SYNC_S,
        files_delay_s: float = SYNC_FILES_S,
        pace: float = 1.0,
        forwarded: ingress.Forwarded = "replace",
        table: Mapping[str, Image] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.objects = Objects(namespace)
        self.network = Network(folder / "network")
        self.timeline: list[Moment] = []
        self._changed = asyncio.Event()
        self._kubelets = {
            node.name: Kubelet(folder / "nodes", self.network, _Source(self.objects),
                               node=node.name, zone=node.zone, pace=pace, table=table)
            for node in nodes
        }  # fmt: skip
        self.pods = Pods(self.objects, self._kubelets, self._changed.set)
        self.pods.nodes = {node.name: node for node in nodes}
        self.proxy = Proxy(folder / "proxy", self.network, forwarded)
        self.services = Services(self.objects, self.network, self.proxy, endpoint_delay_s)
        self.autoscalers = Autoscalers(self.objects, self.pods, self._scaled)
        self.api = Api(self.objects)
        self.release = Release(self)
        self.authority = Authority(folder, "ingress-ca")
        """Signs what the ingress shows where its Secret is not there; `ca` is its file."""
        self._controllers = (
            Deployments(self.objects, self.pods),
            StatefulSets(self.objects, self.pods),
            Jobs(self.objects, self.pods, pace),
        )
        self._autoscaler_period_s = autoscaler_period_s
        self._files_delay_s = files_delay_s
        self._tasks: list[asyncio.Task[None]] = []
        self._standings: dict[str, tuple[int, int]] = {}
        self._began = 0.0

    async def __aenter__(self) -> Self:
        self._began = asyncio.get_running_loop().time()
        await self.network.__aenter__()
        try:
            names = ("localhost", "*.example.com", "*.example.org", "*.local")
            pair = self.authority.issue(names, stem="ingress")
            await self.proxy.start((pair.certificate.read_text(), pair.key.read_text()))
            await self.api.start()
            for node in self.pods.nodes.values():
                self.objects.create(_node_object(node))
            self.objects.listen(self._follow)
            self._tasks = [
                asyncio.ensure_future(self._run()),
                asyncio.ensure_future(self.autoscalers.run(self._autoscaler_period_s)),
            ]
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.services.close()
        await self.pods.close()
        await asyncio.gather(*(kubelet.close() for kubelet in self._kubelets.values()))
        await self.api.stop()
        await self.proxy.stop()
        await self.network.__aexit__(None, None, None)

    @property
    def address(self) -> str:
        """The address of the ingress: clients connect to it, and pods see requests come from it."""
        return self.proxy.address

    # --- a release, as helm does it ----------

    async def install(self, manifests: Sequence[Manifest], timeout_s: float = 120) -> None:
        """Install a release and wait until it is ready. Raises `ReleaseFailed`."""
        await self.release.install(manifests, timeout_s)

    async def upgrade(self, manifests: Sequence[Manifest], timeout_s: float = 120) -> None:
        """Upgrade it: what is in the release before and not in this one is deleted."""
        await self.release.upgrade(manifests, timeout_s)

    async def rollback(self, timeout_s: float = 120) -> None:
        """Go back to the release before."""
        await self.release.rollback(timeout_s)

    async def uninstall(self, timeout_s: float = 120) -> None:
        """Take the release away; claims stay."""
        await self.release.uninstall(timeout_s)

    async def test(self, timeout_s: float = 60) -> None:
        """Run what `helm test` runs. Raises `ReleaseFailed`."""
        await self.release.test(timeout_s)

    # --- objects ----------

    async def apply(self, *manifests: Manifest) -> None:
        """Create or replace objects. Raises `Refused`, and ValueError for an unknown kind."""
        for manifest in manifests:
            check_kind(manifest)
        for manifest in manifests:
            if manifest["kind"] in IGNORED:
                continue
            if manifest["kind"] == "Service":
                manifest = await self.services.admit(manifest)  # noqa: PLW2901 - what is stored
            self.objects.apply(manifest)
        self._reconcile()
        await self.proxy.listening()

    async def remove(self, kind: str, name: str) -> None:
        """Delete an object, and end its pods."""
        manifest = self.objects.find(kind, name)
        if manifest is None:
            return
        self.objects.delete(kind, name)
        ends = [self.pods.delete(pod.name) for pod in self.pods.of(manifest)]
        await asyncio.gather(*filter(None, ends))

    # --- pods and nodes ----------

    def pods_of(self, kind: str, name: str) -> list[Held]:
        """Return the pods of a workload, ending ones too, by name."""
        mine = self.pods.of(self.objects.get(kind, name))
        return sorted(mine, key=lambda pod: pod.name)

    def pod(self, name: str) -> Pod:
        """Return a pod that was started; raises KeyError."""
        live = self.pods.held[name].live
        if live is None:
            raise KeyError(f"{name} is not started")
        return live

    async def delete_pod(self, name: str, grace: float | None = None) -> None:
        """End a pod as `kubectl delete pod`; returns when it is gone."""
        self._note(f"pod {name} deleted")
        ending = self.pods.delete(name, grace)
        if ending is not None:
            await ending

    async def kill_pod(self, name: str) -> None:
        """Kill all of a pod at once, as when its node is lost."""
        self._note(f"pod {name} killed")
        await self.pod(name).kill()

    def cordon(self, node: str, *, cordoned: bool = True) -> None:
        """Take no new pods on a node, or take them again."""
        self.pods.cordon(node, cordoned=cordoned)

    async def evict(self, name: str) -> None:
        """End a pod if its budget lets it go; returns when it is gone. Raises Forbidden."""
        pod = self.pods.held[name]
        budget = eviction.covering(self.objects.all("PodDisruptionBudget"), pod.labels)
        if budget is not None:
            eviction.check(budget["spec"], self.budget(name_of(budget)), ready=pod.ready)
        await self.delete_pod(name)

    def budget(self, name: str) -> eviction.Budget:
        """Return how a PodDisruptionBudget stands."""
        spec = self.objects.get("PodDisruptionBudget", name)["spec"]
        covered = [pod for pod in self.pods.held.values() if selects(spec["selector"], pod.labels)]
        owners = {pod.owner for pod in covered}
        workloads = [*self.objects.all("Deployment"), *self.objects.all("StatefulSet")]
        expected = sum(
            each["spec"].get("replicas", 1) for each in workloads
            if each["metadata"]["uid"] in owners
        )  # fmt: skip
        return eviction.budget(spec, expected, sum(pod.ready for pod in covered))

    async def drain(
        self, node: str, *, timeout_s: float = 120, retry_s: float = eviction.RETRY_S
    ) -> None:
        """Cordon a node and evict its pods within their budgets; raises TimeoutError."""
        self._note(f"node {node} drained")
        self.cordon(node)

        async def leave(pod: Held) -> None:
            while self.pods.held.get(pod.name) is pod and not pod.ending:
                try:
                    await self.evict(pod.name)
                except eviction.Forbidden:
                    await asyncio.sleep(retry_s)

        async with asyncio.timeout(timeout_s):
            there = [pod for pod in self.pods.held.values() if pod.node == node and not pod.failed]
            await asyncio.gather(*map(leave, there))
        self._note(f"node {node} is empty")

    # --- waiting and looking ----------

    async def wait_for(
        self,
        condition: Callable[[], object | Awaitable[object]],
        what: str,
        within_s: float = 60,
    ) -> None:
        """Wait until a condition holds; raises TimeoutError that says how the pods stand."""
        deadline = self.pods.now + within_s
        while True:
            found = condition()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return
            self.check()
            if self.pods.now > deadline:
                raise TimeoutError(f"not within {within_s:g} s: {what}\n{self.standing()}")
            await asyncio.sleep(LOOK_S / 2)

    async def settled(self, within_s: float = 60) -> None:
        """Wait until every workload is rolled out, and the proxy knows of it."""
        await self.wait_for(
            lambda: (
                not unfinished(self.objects, whole=True)
                and not any(pod.ending for pod in self.pods.held.values())
            ),
            "every workload is rolled out",
            within_s,
        )
        self._reconcile()
        await self.wait_for(self._heard, "all have heard of it", within_s)

    async def _heard(self) -> bool:
        return not self.services.telling and await self.proxy.has_read()

    def standing(self) -> str:
        """Return how every pod stands, a line each."""
        return "\n".join(
            f"{pod.name} on {pod.node or '-'}: {pod.phase}, ready {pod.ready}, {pod.reason}"
            for pod in self.pods.held.values()
        )

    def check(self) -> None:
        """Raise what has failed behind: a pod with a field that is not served, a controller."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error
        if self.pods.failures:
            raise self.pods.failures[0]

    async def client(self, name: str) -> Station:
        """Return a place on the network for a client, with an address of its own."""
        return await self.network.attach(name)

    def note(self, what: str) -> None:
        """Write something into the timeline."""
        self._note(what)

    # --- the loop ----------

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):  # wait_for may swallow a cancellation
                    await self._changed.wait()
            self._changed.clear()
            self._reconcile()

    def _reconcile(self) -> None:
        for controller in self._controllers:
            controller.reconcile()
        self.pods.schedule()
        self.services.reconcile()
        self.proxy.set_services(self._ports())
        self.proxy.set_site(ingress.site(self.objects))
        self._record()

    def _ports(self) -> dict[tuple[str, int], str]:
        found = {}
        for service in self.objects.all("Service"):
            address = service["spec"]["clusterIP"]
            for port in service["spec"].get("ports") or ():
                key = (name_of(service), port["port"])
                found[key] = "" if address == HEADLESS else address
        return found

    def _follow(self, change: Change) -> None:
        self._changed.set()
        if change.what == "MODIFIED" and change.manifest["kind"] in {"ConfigMap", "Secret"}:
            self._tasks.append(asyncio.ensure_future(self._refresh(change.manifest)))

    async def _refresh(self, manifest: Manifest) -> None:
        """Let files follow a changed ConfigMap or Secret."""
        await asyncio.sleep(self._files_delay_s)
        for pod in list(self.pods.held.values()):
            spec = self.objects.find("Pod", pod.name)
            if pod.live is None or spec is None:
                continue
            if asks_for(spec, manifest["kind"], name_of(manifest)):
                await pod.live.refresh()

    def _record(self) -> None:
        """Write down every workload whose replicas have changed."""
        for kind in ("Deployment", "StatefulSet"):
            for manifest in self.objects.all(kind):
                desired = manifest["spec"].get("replicas", 1)
                ready = (manifest.get("status") or {}).get("readyReplicas", 0)
                whose = f"{kind}/{name_of(manifest)}"
                if self._standings.get(whose) != (ready, desired):
                    self._standings[whose] = ready, desired
                    self._note("replicas", whose)

    def _scaled(self, kind: str, name: str, before: int, decision: Decision) -> None:
        self._note(f"autoscaled {before} to {decision.replicas}: {decision.why}", f"{kind}/{name}")

    def _note(self, what: str, whose: str = "") -> None:
        ready, desired = self._standings.get(whose, (0, 0))
        at_s = asyncio.get_running_loop().time() - self._began
        self.timeline.append(Moment(at_s, what, whose, ready, desired))


@dataclass(frozen=True)
class _Source:
    """ConfigMaps and Secrets for the kubelets."""

    objects: Objects

    def find(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        return self.objects.find(kind, name) if namespace == self.objects.namespace else None


def _node_object(node: Node) -> Manifest:
    metadata = {"name": node.name, "labels": node.labels}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": {"addresses": []}}
