"""Runs pods as processes of this machine, as a node's kubelet does.

    kubelet = Kubelet(folder, network, source, node="node-1", zone="a")
    pod = await kubelet.start(manifest, on_change=queue.put_nowait)  # its address is known
    await pod.until(lambda: pod.ready)
    await pod.delete()  # preStop, SIGTERM, SIGKILL after the grace; then it is gone
    await kubelet.close()

Concurrency: ONE asyncio loop, the one that runs `start`. Methods that wait are `async`; properties
are read at once. Blocking work (namespaces, volumes) happens in threads. Everything of a pod is
gone when the process that holds the loop is gone, however it ended.

`source.find(kind, namespace, name)` answers ConfigMaps and Secrets (`environment.Source`).
A pod is a manifest of kind Pod, as its controller made it (metadata.name, namespace, labels, uid;
spec). What this kubelet does not know is refused by `Unsupported`, before anything starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from rehearsal import fields, images
from rehearsal.environment import Source
from rehearsal.images import Image
from rehearsal.network import Network, Station
from rehearsal.pod import Pod

Manifest = dict[str, Any]


class Kubelet:
    """One node. `pace` multiplies the waits of back-off (1 = none, 10 s, 20 s, … 300 s)."""

    def __init__(
        self,
        folder: Path,
        network: Network,
        source: Source,
        *,
        node: str = "node-1",
        zone: str = "a",
        pace: float = 1.0,
        table: Mapping[str, Image] | None = None,
    ) -> None:
        self.node = node
        self.zone = zone
        self.pods: dict[tuple[str, str], Pod] = {}
        """(namespace, name) → pod: those that were started and are not gone."""
        self._folder = folder
        self._network = network
        self._source = source
        self._pace = pace
        self._table = images.images() if table is None else table
        self._station: Station | None = None
        self._entering = asyncio.Lock()
        self._numbers = count(1)

    async def start(
        self, manifest: Manifest, *, on_change: Callable[[Pod], None] | None = None
    ) -> Pod:
        """Start a pod: returns with its address; containers start behind (see `Pod.until`).

        Raises `Unsupported` for what this kubelet does not know. A ConfigMap or Secret that is not
        there yet is waited for, as by the real one (the pod stays Pending).
        """
        fields.check(manifest["spec"])
        for container in (
            *(manifest["spec"].get("initContainers") or ()),
            *manifest["spec"]["containers"],
        ):
            images.named(self._table, container["image"])
        async with self._entering:
            if self._station is None:  # the node's own address, where probes come from
                self._station = await self._network.attach(self.node)
        metadata = manifest["metadata"]
        station = await self._network.attach(manifest["spec"].get("hostname") or metadata["name"])
        folder = self._folder / f"{self.node}-{next(self._numbers)}-{metadata['name']}"
        pod = Pod(
            manifest,
            folder,
            self._folder / "claims",
            source=self._source,
            stations=(station, self._station),
            table=self._table,
            pace=self._pace,
            on_change=on_change,
            on_gone=self._gone,
        )
        self.pods[pod.namespace, pod.name] = pod
        pod.begin()
        return pod

    async def close(self) -> None:
        """Kill every pod (no grace) and wait until nothing of them is left."""
        await asyncio.gather(*(pod.kill() for pod in list(self.pods.values())))

    def _gone(self, pod: Pod) -> None:
        if self.pods.get((pod.namespace, pod.name)) is pod:
            del self.pods[pod.namespace, pod.name]
