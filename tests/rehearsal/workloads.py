"""The controllers of Deployments, StatefulSets and Jobs: what is asked for, turned into pods.

Each `reconcile` looks at what is there now and does the next thing; it is called after every change
and a few times a second. What to do is decided in `deployment`, `stateful` and `jobs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rehearsal import deployment, jobs, stateful
from rehearsal.deployment import Count, Standing
from rehearsal.objects import Manifest, Objects, labels, name_of
from rehearsal.pods import Held, Pods


class Deployments:
    """Every Deployment; the numbers of its replica sets are kept here, by template hash."""

    def __init__(self, objects: Objects, pods: Pods) -> None:
        self._objects = objects
        self._pods = pods
        self._sets: dict[str, dict[str, int]] = {}

    def reconcile(self) -> None:
        """Do the next thing for each."""
        present = self._objects.all("Deployment")
        for each in present:
            self._one(each)
        known = {each["metadata"]["uid"] for each in present}
        for uid in set(self._sets) - known:
            del self._sets[uid]

    def _one(self, manifest: Manifest) -> None:
        spec = manifest["spec"]
        desired = spec.get("replicas", 1)
        fresh = deployment.template_hash(manifest)
        sets = self._sets.setdefault(manifest["metadata"]["uid"], {})
        sets.setdefault(fresh, 0)
        pods = self._pods.of(manifest)
        for pod in pods:
            if pod.failed and not pod.ending:  # a replica set replaces what has failed
                self._pods.delete(pod.name, 0)
        alive = [pod for pod in pods if not pod.ending and not pod.failed]
        counts = {
            each: Count(asked, self._available(alive, each, spec)) for each, asked in sets.items()
        }
        olds = [each for each in sets if each != fresh]
        asked_new, asked_old = self._next(spec, desired, counts, fresh, olds, pods)
        sets[fresh] = asked_new
        sets.update(zip(olds, asked_old, strict=True))
        for each, asked in list(sets.items()):
            self._fill(manifest, each, asked, [p for p in alive if _hash(p) == each], fresh)
            if not asked and each != fresh:
                del sets[each]
        self._status(manifest, fresh)

    def _next(
        self,
        spec: Manifest,
        desired: int,
        counts: dict[str, Count],
        fresh: str,
        olds: Sequence[str],
        pods: Sequence[Held],
    ) -> tuple[int, list[int]]:
        strategy = spec.get("strategy") or {}
        old_counts = [counts[each] for each in olds]
        if strategy.get("type", "RollingUpdate") == "Recreate":
            left = sum(_hash(pod) != fresh for pod in pods)
            return deployment.recreate(desired, left, counts[fresh], old_counts)
        surge, unavailable = deployment.fenceposts(strategy, desired)
        if not olds:
            return desired, []
        return deployment.step(desired, surge, unavailable, counts[fresh], old_counts)

    def _available(self, alive: Sequence[Held], template: str, spec: Manifest) -> int:
        least = spec.get("minReadySeconds", 0)
        now = self._pods.now
        return sum(_hash(pod) == template and pod.available(now, least) for pod in alive)

    def _fill(
        self, manifest: Manifest, template: str, asked: int, mine: Sequence[Held], fresh: str
    ) -> None:
        """Make or end pods of one template until as many are there as are asked for."""
        now = self._pods.now
        standings = [
            Standing(
                name=pod.name,
                ready=pod.ready,
                node_shared_with=self._pods.alike(pod),
                ready_for_s=now - (pod.ready_s or now),
                restarts=pod.live.restarts if pod.live is not None else 0,
                age_s=now - pod.created_s,
                placed=bool(pod.node),
            )
            for pod in mine
        ]
        for name in deployment.victims(standings, len(mine) - asked):
            self._pods.delete(name)
        if template == fresh:
            for _ in range(asked - len(mine)):
                more = {deployment.HASH_LABEL.replace("-", "_"): template}
                self._pods.create(manifest, manifest["spec"]["template"], **more)

    def _status(self, manifest: Manifest, fresh: str) -> None:
        alive = [pod for pod in self._pods.of(manifest) if not pod.ending and not pod.failed]
        new = [pod for pod in alive if _hash(pod) == fresh]
        status = {
            "observedGeneration": manifest["metadata"]["generation"],
            "replicas": len(alive),
            "updatedReplicas": len(new),
            "readyReplicas": sum(pod.ready for pod in alive),
            "availableReplicas": self._sum(alive, manifest["spec"]),
            "updatedAvailable": self._available(new, fresh, manifest["spec"]),
        }
        self._objects.update("Deployment", name_of(manifest), status=status)

    def _sum(self, alive: Sequence[Held], spec: Manifest) -> int:
        now, least = self._pods.now, spec.get("minReadySeconds", 0)
        return sum(pod.available(now, least) for pod in alive)


def _hash(pod: Held) -> str:
    return pod.labels.get(deployment.HASH_LABEL, "")


class StatefulSets:
    """Every StatefulSet."""

    def __init__(self, objects: Objects, pods: Pods) -> None:
        self._objects = objects
        self._pods = pods

    def reconcile(self) -> None:
        """Do the next thing for each."""
        for each in self._objects.all("StatefulSet"):
            self._one(each)

    def _one(self, manifest: Manifest) -> None:
        spec = manifest["spec"]
        revision = stateful.revision_of(manifest)
        now = self._pods.now
        mine = self._pods.of(manifest)
        members = [
            stateful.Member(
                ordinal=int(pod.labels[stateful.INDEX_LABEL]),
                revision=pod.labels[stateful.REVISION_LABEL],
                available=pod.available(now, spec.get("minReadySeconds", 0)),
                ending=pod.ending,
                failed=pod.failed,
            )
            for pod in mine
        ]
        turn = stateful.turn(spec, members, revision)
        for ordinal in turn.delete:
            self._pods.delete(f"{name_of(manifest)}-{ordinal}")
        for ordinal in turn.create:
            for claim in stateful.claims(manifest, ordinal):
                if self._objects.find("PersistentVolumeClaim", name_of(claim)) is None:
                    self._objects.create(claim)
            template = stateful.pod_template(manifest, ordinal)
            self._pods.create(manifest, template, f"{name_of(manifest)}-{ordinal}")
        alive = [member for member in members if not member.ending and not member.failed]
        status = {
            "observedGeneration": manifest["metadata"]["generation"],
            "replicas": len(alive),
            "readyReplicas": sum(pod.ready for pod in mine),
            "availableReplicas": sum(member.available for member in alive),
            "updatedReplicas": sum(member.revision == revision for member in alive),
            "updateRevision": revision,
        }
        self._objects.update("StatefulSet", name_of(manifest), status=status)


class Jobs:
    """Every Job. `pace` multiplies the waits between attempts."""

    def __init__(self, objects: Objects, pods: Pods, pace: float) -> None:
        self._objects = objects
        self._pods = pods
        self._pace = pace
        self._began: dict[str, float] = {}

    def reconcile(self) -> None:
        """Do the next thing for each that is not over."""
        for each in self._objects.all("Job"):
            if not is_over(each):
                self._one(each)

    def _one(self, manifest: Manifest) -> None:
        now = self._pods.now
        began = self._began.setdefault(manifest["metadata"]["uid"], now)
        mine = self._pods.of(manifest)
        attempts = [
            jobs.Attempt(pod.phase, pod.live.restarts if pod.live else 0, pod.ended_s)
            for pod in mine
        ]
        what, why = jobs.following(manifest["spec"], attempts, began, now, self._pace)
        if what is jobs.Next.CREATE:
            name = name_of(manifest)
            self._pods.create(
                manifest, _with_labels(manifest["spec"]["template"], {"job-name": name})
            )
        elif what is not jobs.Next.WAIT:
            for pod in mine:
                if not pod.failed:
                    self._pods.delete(pod.name)
            kind = "Complete" if what is jobs.Next.COMPLETE else "Failed"
            condition = {"type": kind, "status": "True", "reason": why}
            status = {"conditions": [condition], "succeeded": int(kind == "Complete")}
            self._objects.update("Job", name_of(manifest), status=status)


def is_over(job: Manifest) -> str:
    """Return Complete or Failed, or nothing while a Job still runs."""
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition["status"] == "True" and condition["type"] in {"Complete", "Failed"}:
            return str(condition["type"])
    return ""


def _with_labels(template: Manifest, more: dict[str, str]) -> Manifest:
    meta = dict(template.get("metadata") or {})
    return {**template, "metadata": {**meta, "labels": {**labels({"metadata": meta}), **more}}}


def unfinished(objects: Objects, *, whole: bool) -> str:
    """Return what is not as it should be, or nothing.

    As `helm --wait` (a Deployment may lack its maxUnavailable), or `whole`, as `kubectl rollout
    status`: every pod is of the newest template, available, and no other is left.
    """
    for manifest in objects.all("Deployment"):
        spec, status = manifest["spec"], manifest.get("status") or {}
        desired = spec.get("replicas", 1)
        spare = 0 if whole else deployment.fenceposts(spec.get("strategy") or {}, desired)[1]
        seen = status.get("observedGeneration") == manifest["metadata"]["generation"]
        enough = status.get("updatedAvailable", 0) >= desired - spare
        alone = status.get("replicas") == status.get("updatedReplicas") == desired
        if not seen or not enough or (whole and not alone):
            return _said("Deployment", manifest, status)
    for manifest in objects.all("StatefulSet"):
        status = manifest.get("status") or {}
        seen = status.get("observedGeneration") == manifest["metadata"]["generation"]
        keys = ("readyReplicas", "updatedReplicas", "availableReplicas")
        desired = manifest["spec"].get("replicas", 1)
        if not seen or any(status.get(key) != desired for key in keys):
            return _said("StatefulSet", manifest, status)
    return ""


def _said(kind: str, manifest: Manifest, status: dict[str, Any]) -> str:
    return f"{kind} {name_of(manifest)} wants {manifest['spec'].get('replicas', 1)}: {status}"
