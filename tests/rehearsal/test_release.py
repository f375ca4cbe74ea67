"""A release goes as Helm's goes: hooks around it, in order, and a failed one stops it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.objects import Manifest, Refused
from rehearsal.release import ReleaseFailed
from rehearsal.standing import LABELS, cluster, service, workload
from support.loops import run


def hook(name: str, event: str, *command: str, policy: str = "before-hook-creation") -> Manifest:
    """Return a Job that runs a command at an event."""
    notes = {"helm.sh/hook": event, "helm.sh/hook-delete-policy": policy}
    job = {"name": "job", "image": "echo:1", "command": list(command)}
    template = {"spec": {"restartPolicy": "Never", "containers": [job]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "annotations": notes},
        "spec": {"backoffLimit": 1, "template": template},
    }


def test_hooks_run_before_and_after_and_old_objects_leave(tmp_path: Path) -> None:
    gone = hook("before", "pre-install,pre-upgrade", "true", policy="hook-succeeded")
    given = [workload(replicas=1), gone, hook("after", "post-install,post-upgrade", "true")]

    async def work() -> None:
        async with cluster(tmp_path) as at:
            order: list[str] = []
            at.objects.listen(
                lambda change: (
                    order.append(f"{change.what} {change.manifest['metadata']['name']}")
                    if change.manifest["kind"] in {"Job", "Deployment", "Service"}
                    and change.what != "MODIFIED"
                    else None
                )
            )
            await at.install([*given, service()])
            expected = ["ADDED before", "DELETED before", "ADDED echo", "ADDED echo", "ADDED after"]
            assert order == expected
            await at.upgrade(given)
            assert at.objects.find("Service", "echo") is None
            assert order[-3:] == ["DELETED echo", "DELETED after", "ADDED after"]

    run(work(), within_s=55)


def test_a_failed_hook_stops_the_release_and_says_what_it_wrote(tmp_path: Path) -> None:
    broken = hook("migrate", "pre-upgrade", "sh", "-c", "echo no such table; exit 3")

    async def work() -> None:
        async with cluster(tmp_path) as at:
            await at.install([workload(replicas=1)])
            before = {each.name for each in at.pods_of("Deployment", "echo")}
            with pytest.raises(ReleaseFailed, match="pre-upgrade hook Job migrate failed: no such"):
                await at.upgrade([workload(replicas=1, VERSION="2"), broken])
            assert {each.name for each in at.pods_of("Deployment", "echo")} == before
            assert len(at.pods_of("Job", "migrate")) == 2  # the first, and one more

    run(work(), within_s=55)


def test_a_broken_template_is_given_up_and_rolled_back_while_old_pods_serve(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with cluster(tmp_path) as at:
            await at.install([workload(replicas=1)])
            (before,) = at.pods_of("Deployment", "echo")
            await at.upgrade([workload(replicas=1), service()])
            with pytest.raises(
                ReleaseFailed, match="not ready within 2 s: Deployment echo wants 1"
            ):
                await at.upgrade([workload(replicas=1, BROKEN="1"), service()], timeout_s=2)
            assert before.ready
            await at.rollback()
            await at.settled()
            assert [each.name for each in at.pods_of("Deployment", "echo")] == [before.name]

    run(work(), within_s=55)


def probe(name: str, *command: str) -> Manifest:
    """Return a pod of `helm test`."""
    one = {"name": "test", "image": "echo:1", "command": list(command)}
    notes = {"helm.sh/hook": "test"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": notes},
        "spec": {"restartPolicy": "Never", "containers": [one]},
    }


def test_tests_of_the_chart_pass_or_say_why_not(tmp_path: Path) -> None:
    async def work() -> None:
        async with cluster(tmp_path) as at:
            await at.install([workload(replicas=1), probe("well", "true")])
            await at.test()
            assert len(at.pods.held) == 1
            await at.upgrade([workload(replicas=1), probe("ill", "sh", "-c", "echo alas; exit 1")])
            with pytest.raises(ReleaseFailed, match="test ill failed: alas"):
                await at.test()

    run(work(), within_s=55)


def test_a_field_that_must_not_change_stops_an_upgrade(tmp_path: Path) -> None:
    other = workload(replicas=1)
    other["spec"]["selector"] = {"matchLabels": {**LABELS, "more": "1"}}

    async def work() -> None:
        async with cluster(tmp_path) as at:
            await at.install([workload(replicas=1)])
            with pytest.raises(Refused, match=r"Deployment echo: spec\.selector cannot be changed"):
                await at.upgrade([other])

    run(work(), within_s=55)
