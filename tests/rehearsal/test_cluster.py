"""Workloads of a small program, run by the controllers on a real network behind a real proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rehearsal.cluster import Cluster
from rehearsal.eviction import Forbidden
from rehearsal.objects import Manifest
from rehearsal.scheduling import Node
from rehearsal.standing import (
    AT_ONCE,
    LABELS,
    Callers,
    ask,
    cluster,
    container,
    ingress,
    pod,
    service,
    workload,
)
from support.loops import run

WITHIN_S = 110
HOST = "echo.example.com"
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "echo"},
    "spec": {"minAvailable": 2, "selector": {"matchLabels": LABELS}},
}


def names(at: Cluster, kind: str = "Deployment") -> set[str]:
    return {each.name for each in at.pods_of(kind, "echo") if not each.ending}


def fewest(at: Cluster, since: int = 0) -> int:
    """Return the fewest ready replicas since an entry of the timeline."""
    return min(each.ready for each in at.timeline[since:] if each.what == "replicas")


def test_a_rolling_update_loses_no_request_and_never_has_a_replica_less(tmp_path: Path) -> None:
    async def work() -> None:
        async with cluster(tmp_path) as at:
            await at.install([workload(), service(), ingress()])
            await at.settled()
            before, installed = names(at), len(at.timeline)
            me = await at.client("me")
            inside, outside = Callers(me, "echo"), Callers(me, HOST, address=at.address)
            async with inside, outside:
                await at.upgrade([workload(VERSION="2"), service(), ingress()])
                await at.settled()
            assert set(inside.seen) == set(outside.seen) == {"200"}
            assert len(names(at)) == 3
            assert not names(at) & before
            changes = [e for e in at.timeline[installed:] if e.what == "replicas"]
            assert all(each.ready >= 3 for each in changes)

    run(work(), within_s=WITHIN_S)


def test_a_killed_pod_is_replaced_and_costs_no_request_that_can_be_sent_again(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with cluster(tmp_path) as at:
            await at.install([workload(), service(), ingress()])
            await at.settled()
            me = await at.client("me")
            victim = min(names(at))
            async with Callers(me, HOST, address=at.address) as calls:
                await at.kill_pod(victim)
                await at.wait_for(lambda: len(names(at) - {victim}) == 3, "three others")
                await at.settled()
            assert set(calls.seen) == {"200"}

    run(work(), within_s=WITHIN_S)


def test_nodes_are_drained_within_the_budget(tmp_path: Path) -> None:
    async def work() -> None:
        nodes = [Node("node-1", "zone-a"), Node("node-2", "zone-b")]
        manifest = workload()
        manifest["spec"]["template"] = pod(container(**AT_ONCE))
        async with cluster(tmp_path, nodes=nodes) as at:
            await at.install([manifest, service(), BUDGET])
            await at.settled()
            full = max(nodes, key=lambda n: sum(p.node == n.name for p in at.pods.held.values()))
            installed = len(at.timeline)
            await at.drain(full.name, retry_s=0.1)
            assert all(each.node != full.name for each in at.pods_of("Deployment", "echo"))
            await at.settled()
            assert fewest(at, installed) == 2
            at.pods.delete(min(names(at)))
            with pytest.raises(Forbidden, match="needs 2 healthy pods and has 2 currently"):
                await at.evict(max(names(at)))  # not before that one is replaced

    run(work(), within_s=WITHIN_S)


def test_members_of_a_stateful_set_keep_names_addresses_of_names_and_claims(tmp_path: Path) -> None:
    manifest = workload("StatefulSet", replicas=2)
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    manifest["spec"]["volumeClaimTemplates"] = [claim]
    mount = {"name": "data", "mountPath": "/data"}
    manifest["spec"]["template"] = pod(container(volumeMounts=[mount], **AT_ONCE))

    async def work() -> None:
        async with cluster(tmp_path) as at:
            await at.install([manifest, service(clusterIP="None")])
            await at.settled()
            assert [each.name for each in at.pods_of("StatefulSet", "echo")] == ["echo-0", "echo-1"]
            status, _ = await at.pod("echo-0").execute(["sh", "-c", "echo kept > /data/file"])
            assert status == 0
            me = await at.client("me")
            address = at.pod("echo-0").address
            await at.delete_pod("echo-0")
            await at.settled()
            assert (await ask(me, "echo-0.echo", 8080))[1].startswith("echo-0\n")
            assert at.pod("echo-0").address != address
            assert await at.pod("echo-0").execute(["cat", "/data/file"]) == (0, "kept\n")
            await at.uninstall()
            assert not at.pods.held
            assert len(at.objects.all("PersistentVolumeClaim")) == 2

    run(work(), within_s=WITHIN_S)


def autoscaler(**behavior: Any) -> Manifest:
    target = {"type": "Utilization", "averageUtilization": 50}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "echo"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "echo"},
            "minReplicas": 1,
            "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": behavior,
        },
    }


def test_replicas_follow_the_cpu_that_pods_use(tmp_path: Path) -> None:
    async def work() -> None:
        async with cluster(tmp_path, autoscaler_period_s=0.5) as at:
            down = {"stabilizationWindowSeconds": 1}
            await at.install([workload(replicas=1), service(), autoscaler(scaleDown=down)])
            await at.settled()
            me = await at.client("me")
            async with Callers(me, "echo", path="/burn"):
                await at.wait_for(lambda: len(names(at)) == 3, "it has grown to its most")
            await at.wait_for(lambda: len(names(at)) == 1, "it has shrunk to its least")
            grown = [each for each in at.timeline if each.what.startswith("autoscaled")]
            assert grown[0].what.startswith("autoscaled 1 to ")

    run(work(), within_s=WITHIN_S)


def test_a_changed_config_map_reaches_running_pods(tmp_path: Path) -> None:
    def config(text: str) -> Manifest:
        metadata = {"name": "greeting"}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"g": text}}

    manifest = workload(replicas=1)
    mount = {"name": "greeting", "mountPath": "/etc/greeting"}
    environ = [{"name": "GREETING", "value": "/etc/greeting/g"}]
    volumes = [{"name": "greeting", "configMap": {"name": "greeting"}}]
    template = pod(container(env=environ, volumeMounts=[mount]), volumes=volumes)
    manifest["spec"]["template"] = template

    async def work() -> None:
        async with cluster(tmp_path) as at:
            await at.install([manifest, config("hello"), service()])
            await at.settled()
            me = await at.client("me")
            before = names(at)
            assert (await ask(me, "echo"))[1].split("\n")[1] == "hello"
            await at.upgrade([manifest, config("good day"), service()])

            async def changed() -> bool:
                return (await ask(me, "echo"))[1].split("\n")[1] == "good day"

            await at.wait_for(changed, "the new greeting")
            assert names(at) == before

    run(work(), within_s=WITHIN_S)


def test_pods_wait_until_a_node_takes_them(tmp_path: Path) -> None:
    async def work() -> None:
        async with cluster(tmp_path, nodes=[Node("node-1")]) as at:
            at.cordon("node-1")
            await at.apply(workload(replicas=1))
            (waiting,) = at.pods_of("Deployment", "echo")
            assert (waiting.phase, waiting.reason) == ("Pending", "no node takes it")
            at.cordon("node-1", cordoned=False)
            await at.wait_for(lambda: waiting.ready, "it is ready")

    run(work(), within_s=WITHIN_S)


def test_a_kind_that_nothing_is_known_of_is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        async with cluster(tmp_path) as at:
            with pytest.raises(ValueError, match="nothing here knows what a CronJob means"):
                await at.apply({"kind": "CronJob", "metadata": {"name": "c"}})
            await at.apply({"kind": "NetworkPolicy", "metadata": {"name": "n"}})

    run(work(), within_s=WITHIN_S)
