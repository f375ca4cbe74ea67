"""Runs HorizontalPodAutoscalers: measures pods, asks `autoscaler`, and writes `spec.replicas`.

CPU and memory are measured. A metric of type Pods has no values here, as in a cluster that has no
adapter for custom metrics.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rehearsal import autoscaler
from rehearsal.autoscaler import Decision, History, Measured, Spec, Target
from rehearsal.objects import Manifest, Objects, name_of
from rehearsal.pods import Held, Pods

SYNC_S = 15.0
"""`--horizontal-pod-autoscaler-sync-period` and metrics-server's resolution."""


@dataclass(frozen=True)
class Sample:
    """What a pod had used when it was looked at, and how much CPU since the look before."""

    at_s: float
    cpu_s: float
    cores: float | None
    memory_bytes: float

    def value(self, metric: str) -> float | None:
        """Return cores or bytes; None before the second look."""
        return self.cores if metric == "cpu" else self.memory_bytes


class Autoscalers:
    """Every autoscaler. `decided` is told each change: (kind, name, from, decision)."""

    def __init__(
        self,
        objects: Objects,
        pods: Pods,
        decided: Callable[[str, str, int, Decision], None],
    ) -> None:
        self._objects = objects
        self._pods = pods
        self._decided = decided
        self._samples: dict[str, Sample] = {}
        self._histories: dict[str, History] = {}

    async def run(self, period_s: float) -> None:
        """Measure and decide for ever."""
        while True:
            await asyncio.sleep(period_s)
            self.turn()

    def turn(self) -> None:
        """Measure every pod, and decide for every autoscaler."""
        now = self._pods.now
        self._measure(now)
        for manifest in self._objects.all("HorizontalPodAutoscaler"):
            spec = autoscaler.read(manifest)
            target = self._objects.find(spec.target_kind, spec.target_name)
            if target is not None:
                self._one(manifest, spec, target, now)

    def _one(self, manifest: Manifest, spec: Spec, target: Manifest, now: float) -> None:
        current = target["spec"].get("replicas", 1)
        pods = self._pods.of(target)
        proposals = [
            autoscaler.propose(metric, self._measured(metric, target, pods), current, now)
            for metric in spec.metrics
        ]
        key = manifest["metadata"]["uid"]
        history = self._histories.get(key, History())
        best = autoscaler.largest(proposals, current)
        decision = autoscaler.decide(spec, history, current, best, now)
        self._histories[key] = decision.history
        status = {
            "currentReplicas": current,
            "desiredReplicas": decision.replicas,
            "proposals": proposals,
        }
        self._objects.update("HorizontalPodAutoscaler", name_of(manifest), status=status)
        if decision.replicas != current:
            asked = {**target["spec"], "replicas": decision.replicas}
            self._objects.update(spec.target_kind, spec.target_name, spec=asked)
            self._decided(spec.target_kind, spec.target_name, current, decision)

    def _measure(self, now: float) -> None:
        before, self._samples = self._samples, {}
        for pod in self._pods.held.values():
            if pod.live is None or pod.phase != "Running":
                continue
            used = pod.live.usage()
            last = before.get(pod.name)
            cores = None
            if last is not None and now > last.at_s:
                cores = max(0.0, used.cpu_s - last.cpu_s) / (now - last.at_s)
            self._samples[pod.name] = Sample(now, used.cpu_s, cores, used.memory_bytes)

    def _measured(self, metric: Target, target: Manifest, pods: Sequence[Held]) -> list[Measured]:
        own = metric.metric in autoscaler.CONTAINERS_OWN
        template = target["spec"]["template"]["spec"]
        request = autoscaler.request(template, metric.metric) if own else None
        found = []
        for pod in pods:
            sample = self._samples.get(pod.name)
            value = sample.value(metric.metric) if own and sample is not None else None
            found.append(
                Measured(
                    value=None if value is None else round(value * 1000),
                    request=request,
                    ready=pod.ready,
                    deleted=pod.ending,
                    failed=pod.failed,
                    pending=pod.phase == "Pending",
                    started_s=pod.created_s,
                    ready_changed_s=pod.changed_s,
                    measured_s=0.0 if sample is None else sample.at_s,
                )
            )
        return found
