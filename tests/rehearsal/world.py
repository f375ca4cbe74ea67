"""Everything of one rehearsal: a cluster, what is outside of it, and clients."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import yaml

from chaos.verdicts import Absence
from rehearsal import given
from rehearsal.cluster import Cluster
from rehearsal.database import Database
from rehearsal.load import Client, Crowd, Ingress
from rehearsal.management import Management
from rehearsal.objects import Manifest
from rehearsal.pods import Held
from rehearsal.report import Report
from rehearsal.upstream import Upstream
from rehearsal.verdicts import Evidence
from rehearsal.waiting import until
from support.certificates import Authority
from support.helm import PROFILES, render

VALUES = (PROFILES / "kind.yaml", Path(__file__).with_name("values") / "rehearsal.yaml")
COMPONENT = "app.kubernetes.io/component"
CLIENTS = 3
LOOK_S = 0.2


class World:
    """What a scenario acts on. `values` are set over those of the files, from one render on."""

    def __init__(
        self, folder: Path, cluster: Cluster, database: Database, upstream: Upstream
    ) -> None:
        self.folder = folder
        self.cluster = cluster
        self.database = database
        self.upstream = upstream
        self.values: dict[str, Any] = {}
        self.passwords = given.passwords(database, "local")
        self.deaths: list[Absence] = []
        self.crowd: Crowd
        self.management: Management

    @property
    def now(self) -> float:
        """The loop's seconds, as in every result."""
        return asyncio.get_running_loop().time()

    # --- the chart ----------

    @property
    def all_values(self) -> dict[str, Any]:
        """Every value that is set, by whatever file."""
        found: dict[str, Any] = {}
        for file in VALUES:
            found = merged(found, yaml.safe_load(file.read_text()) or {})
        return merged(found, self.values)

    async def install(self) -> None:
        """Install the release. Raises what the cluster raises."""
        await self.cluster.install(await asyncio.to_thread(self._render))

    def _render(self, **more: Any) -> list[Manifest]:
        """Render the chart with the values so far and `more`, by their top-level names."""
        return render(VALUES, merged(self.values, more), namespace=self.cluster.objects.namespace)

    async def upgrade(self, **more: Any) -> None:
        """Upgrade the release; `more` stays, unless the cluster raises something."""
        await self.cluster.upgrade(await asyncio.to_thread(self._render, **more))
        self.values = merged(self.values, more)

    async def put_secrets(self) -> None:
        """Write the Secret of secrets, as the operator does."""
        await self.cluster.apply(given.secret(given.SECRETS, self.passwords))

    # --- pods ----------

    def pods(self, component: str = "gateway") -> list[Held]:
        """Return the pods of a component that are not being ended."""
        held = self.cluster.pods.held.values()
        return [e for e in held if e.labels.get(COMPONENT) == component and not e.ending]

    def ready(self, component: str = "gateway") -> list[Held]:
        """Return those that are ready."""
        return [each for each in self.pods(component) if each.ready]

    @property
    def wanted(self) -> int:
        """How many gateways the Deployment is to have."""
        return int(self.cluster.objects.get("Deployment", "gateway")["spec"].get("replicas", 1))

    async def metric(self, name: str, label: str = "") -> dict[str, float]:
        """Return the sum of a family's samples that hold `label`, for each ready gateway."""
        found = {}
        for pod in self.ready():
            assert pod.live is not None
            samples = await self.management.metrics(pod.live.address)
            values = [
                value
                for key, value in samples.items()
                if key.partition("{")[0] == name and label in key
            ]
            if values:
                found[pod.name] = sum(values)
        return found

    async def everywhere(self, name: str, value: float, what: str, within_s: float = 60) -> float:
        """Wait until a metric has this value in every ready gateway; return how long it took."""

        async def holds() -> bool:
            found = await self.metric(name)
            return len(found) == len(self.ready()) > 0 and set(found.values()) == {value}

        return await until(holds, what, within_s)

    async def settled(self, replicas: int, within_s: float = 40) -> float:
        """Wait until so many gateways are wanted, ready, and the only ones; return how long."""

        def holds() -> bool:
            mine = [
                e for e in self.cluster.pods.held.values() if e.labels.get(COMPONENT) == "gateway"
            ]
            return self.wanted == replicas == len(mine) == len(self.ready())

        return await until(holds, lambda: f"{replicas} gateways ready: {self.why()}", within_s)

    async def rolled_out(self, within_s: float = 150) -> float:
        """Wait until every gateway is of the Deployment's newest template; return how long."""

        def holds() -> bool:
            status = self.cluster.objects.get("Deployment", "gateway").get("status") or {}
            meta = self.cluster.objects.get("Deployment", "gateway")["metadata"]
            return (
                status.get("observedGeneration") == meta["generation"]
                and status.get("updatedReplicas") == status.get("replicas") == self.wanted
                and status.get("availableReplicas") == self.wanted
            )

        return await until(holds, lambda: f"the rollout is complete: {self.why()}", within_s)

    def why(self) -> str:
        """Say how pods are, for an error."""
        return "; ".join(
            f"{each.name} {'ending' if each.ending else each.phase} {each.reason or each.ready}"
            for each in self.cluster.pods.held.values()
        )

    # --- what is known ----------

    @asynccontextmanager
    async def watched(self, report: Report) -> AsyncIterator[None]:
        """Note how many gateways are wanted and ready, and how long each takes to end."""
        began, ending = self.now, dict[str, float]()

        async def look() -> None:
            while True:
                report.replicas.append((self.now - began, self.wanted, len(self.ready())))
                held = self.cluster.pods.held
                for name, pod in held.items():
                    if pod.ending and pod.labels.get(COMPONENT) == "gateway":
                        ending.setdefault(name, self.now)
                for name in set(ending) - set(held):
                    took = self.now - ending.pop(name)
                    report.drain_s = max(took, report.drain_s or 0.0)
                await asyncio.sleep(LOOK_S)

        looking = asyncio.ensure_future(look())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    @contextmanager
    def death(self, address: str) -> Iterator[None]:
        """Note that the pod at an address dies within the block."""
        before = self.now
        yield
        self.deaths.append(Absence(address, before, self.now))

    def evidence(self) -> Evidence:
        """Return what is known besides what clients saw."""
        return Evidence(self.deaths, self.upstream.reads(), self.cluster.proxy.sent_to())


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as helm merges them: maps into each other, all else replaced."""
    found = copy.deepcopy(dict(under))
    for key, value in over.items():
        inner = found.get(key)
        both = isinstance(inner, dict) and isinstance(value, dict)
        found[key] = merged(inner, value) if both else copy.deepcopy(value)
    return found


@asynccontextmanager
async def world(folder: Path, **values: Any) -> AsyncIterator[World]:
    """Build everything; nothing is installed yet. `values` go over those of the files."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(Cluster(folder / "cluster"))
        authority = Authority(folder)
        database = await stack.enter_async_context(Database(folder, cluster.network, authority))
        upstream = await stack.enter_async_context(Upstream(folder, cluster.network))
        made = World(folder, cluster, database, upstream)
        context = authority.client_context()
        ingress = Ingress(cluster.proxy.address, given.HOST, context)
        stations = [await cluster.network.attach(f"client-{n}") for n in range(CLIENTS)]
        made.crowd = Crowd([Client(each, ingress, n) for n, each in enumerate(stations)])
        stack.push_async_callback(made.crowd.close)
        made.management = Management(await cluster.network.attach("operator"), context)
        made.values = merged(
            {
                "gateway": {"trustedProxies": [f"{cluster.proxy.address}/32"]},
                "database": {"tls": {"ca": authority.ca.read_text()}},
            },
            values,
        )
        await cluster.apply(*given.certificates(authority))
        await made.put_secrets()
        yield made
