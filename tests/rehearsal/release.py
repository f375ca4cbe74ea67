"""A release as Helm keeps it: hooks, resources, waiting, and what to go back to.

Source: helm.sh/docs, "Chart Hooks" and `helm upgrade --wait`. A hook that fails ends the operation,
before anything after it was applied.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rehearsal.hooks import deleted_when, hooks, resources
from rehearsal.objects import Manifest, name_of
from rehearsal.workloads import is_over, unfinished

if TYPE_CHECKING:
    from rehearsal.cluster import Cluster

LOOK_S = 0.05
KEPT = {"PersistentVolumeClaim"}


class ReleaseFailed(Exception):
    """Helm gives up: which hook failed and what it wrote, or what was not ready in time."""


class Release:
    """The one release of a cluster; `revisions` are the manifests of each that was deployed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.revisions: list[list[Manifest]] = []

    async def install(self, manifests: Sequence[Manifest], timeout_s: float) -> None:
        """Install; raises ReleaseFailed."""
        await self._deploy(manifests, "install", timeout_s)

    async def upgrade(self, manifests: Sequence[Manifest], timeout_s: float) -> None:
        """Upgrade; raises ReleaseFailed, after which the release before is still the last."""
        await self._deploy(manifests, "upgrade", timeout_s)

    async def rollback(self, timeout_s: float) -> None:
        """Deploy the revision before the last; raises ReleaseFailed where there is none."""
        if len(self.revisions) < 2:
            raise ReleaseFailed("there is no revision to go back to")
        await self._deploy(self.revisions[-2], "rollback", timeout_s)

    async def uninstall(self, timeout_s: float) -> None:
        """Take everything away."""
        manifests = self.revisions[-1] if self.revisions else []
        async with asyncio.timeout(timeout_s):
            await self._hooks(manifests, "pre-delete")
            for manifest in reversed(resources(manifests)):
                if manifest["kind"] not in KEPT:
                    await self._cluster.remove(manifest["kind"], name_of(manifest))
            await self._hooks(manifests, "post-delete")
        self.revisions.clear()
        self._cluster.note("uninstalled")

    async def test(self, timeout_s: float) -> None:
        """Run the pods that are hooks of `helm test`; raises ReleaseFailed with what one wrote."""
        pods = self._cluster.pods
        for hook in hooks(self.revisions[-1], "test"):
            name = name_of(hook)
            meta = {**hook["metadata"], "uid": f"test-{name}"}
            held = pods.create({**hook, "metadata": meta}, hook, name)
            async with asyncio.timeout(timeout_s):
                while not held.failed:
                    self._cluster.check()
                    await asyncio.sleep(LOOK_S)
            passed = held.phase == "Succeeded"
            words = "" if passed or held.live is None else held.live.logs()[-1000:]
            await self._cluster.delete_pod(name, 0)
            if not passed:
                raise ReleaseFailed(f"test {name} failed: {words}")

    async def _deploy(self, manifests: Sequence[Manifest], how: str, timeout_s: float) -> None:
        manifests = copy.deepcopy(list(manifests))
        self._cluster.note(f"{how} began")
        within = asyncio.timeout(timeout_s)
        try:
            async with within:
                await self._hooks(manifests, f"pre-{how}")
                await self._cluster.apply(*resources(manifests))
                await self._prune(manifests)
                await self._ready()
                await self._hooks(manifests, f"post-{how}")
        except TimeoutError:
            self._cluster.note(f"{how} failed")
            if not within.expired():
                raise  # somebody else's wait
            why = unfinished(self._cluster.objects, whole=False)
            raise ReleaseFailed(
                f"{how}: not ready within {timeout_s:g} s: {why}\n{self._cluster.standing()}"
            ) from None
        except ReleaseFailed:
            self._cluster.note(f"{how} failed")
            raise
        self.revisions.append(manifests)
        self._cluster.note(f"{how} done")

    async def _prune(self, manifests: Sequence[Manifest]) -> None:
        """Delete what the release had and has no more."""
        wanted = {(each["kind"], name_of(each)) for each in manifests}
        for old in resources(self.revisions[-1]) if self.revisions else []:
            if (old["kind"], name_of(old)) not in wanted and old["kind"] not in KEPT:
                await self._cluster.remove(old["kind"], name_of(old))

    async def _ready(self) -> None:
        while unfinished(self._cluster.objects, whole=False):
            self._cluster.check()
            await asyncio.sleep(LOOK_S)

    async def _hooks(self, manifests: Sequence[Manifest], event: str) -> None:
        """Run the hooks of an event, each after the one before has ended.

        Those that succeeded are deleted after the last, or once one has failed, as Helm does it.
        """
        done: list[Manifest] = []
        try:
            for hook in hooks(manifests, event):
                await self._hook(hook, event)
                done.append(hook)
        finally:
            for hook in reversed(done):
                if "hook-succeeded" in deleted_when(hook):
                    await self._cluster.remove(hook["kind"], name_of(hook))

    async def _hook(self, hook: Manifest, event: str) -> None:
        policy = deleted_when(hook)
        kind, name = hook["kind"], name_of(hook)
        if "before-hook-creation" in policy:
            await self._cluster.remove(kind, name)
        self._cluster.note(f"hook {event} {kind} {name}")
        await self._cluster.apply(hook)
        if kind != "Job" or await self._job(name) != "Failed":
            return
        words = self._words(name)
        if "hook-failed" in policy:
            await self._cluster.remove(kind, name)
        raise ReleaseFailed(f"{event} hook {kind} {name} failed: {words}")

    async def _job(self, name: str) -> str:
        while not (ended := is_over(self._cluster.objects.get("Job", name))):
            self._cluster.check()
            await asyncio.sleep(LOOK_S)
        return ended

    def _words(self, name: str) -> str:
        """Return the end of what the pods of a Job wrote."""
        pods = self._cluster.pods_of("Job", name)
        return "\n".join(pod.live.logs()[-1000:] for pod in pods if pod.live is not None)
