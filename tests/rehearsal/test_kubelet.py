"""A kubelet runs pods as their manifests say: start, probes, restarts, an end in order."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rehearsal.fields import Unsupported
from rehearsal.keeper import BackOff
from rehearsal.kubelet import Kubelet, Pod
from rehearsal.network import Network
from support.loops import run

Manifest = dict[str, Any]
WAITS = "trap 'echo bye; exit 0' TERM; echo up; sleep 600 & wait"
OFTEN = {"periodSeconds": 0.05, "timeoutSeconds": 20}
DEAF = "trap '' TERM; echo up; while :; do sleep 600; done"


class Objects:
    """ConfigMaps and Secrets of the only namespace."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Manifest] = {}

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        assert namespace == "prod"
        return self.found.get((kind, name))


class Node:
    """A kubelet, and short words for pods of one shell script."""

    def __init__(self, kubelet: Kubelet, objects: Objects) -> None:
        self.kubelet = kubelet
        self.objects = objects

    async def pod(self, script: str, *, spec: Manifest | None = None, **container: Any) -> Pod:
        return await self.kubelet.start(manifest(script, spec=spec, **container))


def manifest(script: str, *, spec: Manifest | None = None, **container: Any) -> Manifest:
    main = {"name": "main", "image": "debian:12", "command": ["sh", "-c", script]} | container
    metadata = {"name": "pod-a", "namespace": "prod", "uid": "u-1", "labels": {"app": "x"}}
    return {"metadata": metadata, "spec": {"containers": [main]} | (spec or {})}


@asynccontextmanager
async def a_node(folder: Path, *, pace: float = 0.0) -> AsyncIterator[Node]:
    objects = Objects()
    async with Network(folder / "network") as network:
        kubelet = Kubelet(folder / "pods", network, objects, node="node-1", pace=pace)
        try:
            yield Node(kubelet, objects)
        finally:
            await kubelet.close()


def says(pod: Pod, text: str) -> Any:
    return lambda: text in pod.logs()


def test_a_pod_gets_its_settings_secrets_and_facts_as_environment(tmp_path: Path) -> None:
    def of(kind: str, name: str, key: str) -> Manifest:
        return {kind: {"name": name, "key": key}}

    env = [
        {"name": "FIRST", "value": "one"},
        {"name": "SECOND", "value": "$(FIRST)-$$(FIRST)-$(NOBODY)"},
        {"name": "PASSWORD", "valueFrom": of("secretKeyRef", "keys", "password")},
        {"name": "LEVEL", "valueFrom": of("configMapKeyRef", "settings", "level")},
        {"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "MIB", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory",
                                                           "divisor": "1Mi"}}},
    ]  # fmt: skip
    expected = {
        "FIRST": "one", "SECOND": "one-$(FIRST)-$(NOBODY)", "PASSWORD": "pw", "LEVEL": "info",
        "ME": "pod-a", "APP": "x", "MIB": "512", "cfg_level": "info", "HOSTNAME": "pod-a",
        "HOME": "/",
    }  # fmt: skip

    async def work() -> None:
        async with a_node(tmp_path) as node:
            password = base64.b64encode(b"pw").decode()
            node.objects.found["Secret", "keys"] = {"data": {"password": password}}
            pod = await node.kubelet.start(
                manifest(
                    "",
                    command=["env"],
                    env=env,
                    envFrom=[{"prefix": "cfg_", "configMapRef": {"name": "settings"}}],
                    resources={"limits": {"memory": "512Mi"}},
                    securityContext={"runAsUser": 10_001},
                    spec={"restartPolicy": "Never"},
                )
            )
            await pod.until(lambda: 'configmap "settings" not found' in pod.reason)
            assert pod.phase == "Pending"
            node.objects.found["ConfigMap", "settings"] = {"data": {"level": "info"}}
            await pod.until(lambda: pod.phase == "Succeeded")
            said = dict(line.split("=", 1) for line in pod.logs().splitlines())
            assert said.pop("IP") == pod.address
            assert "/usr/bin" in said.pop("PATH")
            assert said == expected

    run(work())


def test_containers_wait_for_those_that_go_first_in_order(tmp_path: Path) -> None:
    def first(name: str, script: str) -> Manifest:
        command = ["sh", "-c", script]
        mounts = [{"name": "shared", "mountPath": "/shared"}]
        return {"name": name, "image": "debian", "command": command, "volumeMounts": mounts}

    # The second fails once, which does not run the first again.
    second = "[ -e /shared/tried ] || { touch /shared/tried; exit 1; }; echo 2 >> /shared/said"
    spec = {
        "initContainers": [first("one", "echo 1 >> /shared/said"), first("two", second)],
        "volumes": [{"name": "shared", "emptyDir": {}}],
    }
    mounts = [{"name": "shared", "mountPath": "/shared", "readOnly": True}]

    async def work() -> None:
        async with a_node(tmp_path) as node:
            pod = await node.pod(f"cat /shared/said; {WAITS}", spec=spec, volumeMounts=mounts)
            await pod.until(says(pod, "up"))
            assert pod.logs() == "1\n2\nup\n"
            assert pod.restarts == 1
            await pod.until(lambda: pod.ready)
            assert (await pod.execute(["touch", "/shared/new"]))[0] == 1

    run(work())


def test_a_pod_is_ready_when_its_probes_say_so_and_no_longer_when_they_do_not(
    tmp_path: Path,
) -> None:
    def probe(file: str, **more: Any) -> Manifest:
        return {"exec": {"command": ["test", "-e", file]}, **OFTEN, **more}

    async def work() -> None:
        async with a_node(tmp_path) as node:
            pod = await node.pod(
                WAITS,
                startupProbe=probe("/started", failureThreshold=1000),
                readinessProbe=probe("/ready", failureThreshold=2),
            )
            await pod.until(says(pod, "up"))
            await pod.execute(["touch", "/ready"])
            await pod.until(lambda: "startup: status 1" in pod.reason)
            assert not pod.ready
            await pod.execute(["touch", "/started"])
            await pod.until(lambda: pod.ready)
            conditions = {each["type"]: each["status"] for each in pod.status()["conditions"]}
            assert conditions["Ready"] == "True"
            await pod.execute(["rm", "/ready"])
            await pod.until(lambda: not pod.ready)
            assert pod.status()["containerStatuses"][0]["started"]

    run(work())


def test_a_container_that_is_not_alive_is_ended_and_started_again(tmp_path: Path) -> None:
    async def work() -> None:
        async with a_node(tmp_path) as node:
            alive = {"exec": {"command": ["test", "!", "-e", "/sick"]}, **OFTEN}
            pod = await node.pod(WAITS, livenessProbe={**alive, "failureThreshold": 2})
            await pod.until(says(pod, "up"))
            await pod.execute(["touch", "/sick"])
            await pod.until(lambda: pod.restarts == 1 and pod.ready)
            assert pod.logs(previous=True) == "up\nbye\n", "it was asked to end"

    run(work())


def test_a_crashed_container_is_started_again_and_its_cpu_stays_counted(tmp_path: Path) -> None:
    busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo up; sleep 600"

    async def work() -> None:
        async with a_node(tmp_path) as node:
            pod = await node.pod(busy)
            await pod.until(says(pod, "up"))
            used = pod.usage()
            pod.crash()
            await pod.until(lambda: pod.restarts == 1 and pod.ready)
            assert pod.usage().cpu_s >= used.cpu_s > 0
            assert pod.usage().memory_bytes > 0

    run(work())


def test_a_deleted_pod_runs_its_hook_then_is_asked_to_end(tmp_path: Path) -> None:
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /proc/1/fd/1"]}}}

    async def work() -> None:
        async with a_node(tmp_path) as node:
            changes: list[tuple[bool, bool]] = []
            pod = await node.kubelet.start(
                manifest(WAITS, lifecycle=hook),
                on_change=lambda pod: changes.append((pod.ready, pod.terminating)),
            )
            await pod.until(says(pod, "up"))
            await pod.delete()
            assert pod.logs() == "up\nhook\nbye\n"
            assert (pod.gone, pod.phase) == (True, "Succeeded")
            assert changes.index((True, False)) < changes.index((False, True))
            assert node.kubelet.pods == {}

    run(work())


def test_a_pod_that_does_not_end_in_its_grace_is_killed(tmp_path: Path) -> None:
    async def work() -> None:
        async with a_node(tmp_path) as node:
            # The hook takes all of the grace; the least that is left after it is 2 s.
            sleeps = {"preStop": {"sleep": {"seconds": 600}}}
            pod = await node.pod(DEAF, lifecycle=sleeps)
            await pod.until(says(pod, "up"))
            await pod.delete(grace=0.1)
            state = pod.status()["containerStatuses"][0]["state"]
            assert state == {"terminated": {"exitCode": 137, "reason": "Error"}}
            assert pod.phase == "Failed"

    run(work())


def test_a_pod_is_gone_to_the_last_process_where_its_end_is_given_up(tmp_path: Path) -> None:
    """A cluster that closes gives up what ends, and kills what is left."""

    async def work() -> None:
        async with a_node(tmp_path) as node:
            for wait_s in (0.0, 0.001, 0.002, 0.005, 0.01, 0.02):
                pod = await node.pod(DEAF)
                await pod.until(says(pod, "up"))
                process = pod._keepers[0].container._process  # type: ignore[union-attr]
                deleting = asyncio.ensure_future(pod.delete(0))
                await asyncio.sleep(wait_s)  # anywhere within its end
                deleting.cancel()
                killing = asyncio.ensure_future(pod.kill())
                await asyncio.sleep(0)
                await pod.kill()
                assert pod.gone
                assert process is not None
                assert process.returncode in {137, -9}  # by what it runs, or itself
                await asyncio.gather(deleting, killing, return_exceptions=True)
            assert node.kubelet.pods == {}

    run(work())


@pytest.mark.parametrize("end", [Pod.kill, lambda pod: pod.delete(0)], ids=["kill", "delete"])
def test_a_pod_can_be_ended_at_any_moment_of_its_start(
    tmp_path: Path, end: Callable[[Pod], Awaitable[None]]
) -> None:
    async def work() -> None:
        async with a_node(tmp_path) as node:
            for wait_s in (0.0, 0.005, 0.01, 0.02, 0.05):
                pod = await node.pod(DEAF)
                await asyncio.sleep(wait_s)  # there is no event to wait for inside of a start
                await end(pod)
                assert (pod.gone, pod.phase) == (True, "Failed")
            assert node.kubelet.pods == {}

    run(work())


def test_a_changed_config_map_is_seen_by_the_running_program(tmp_path: Path) -> None:
    spec = {"volumes": [{"name": "v", "configMap": {"name": "settings"}}]}
    mounts = [{"name": "v", "mountPath": "/etc/mine"}]

    async def work() -> None:
        async with a_node(tmp_path) as node:
            settings = node.objects.found["ConfigMap", "settings"] = {"data": {"a": "old"}}
            security = {"readOnlyRootFilesystem": True, "runAsNonRoot": True, "runAsUser": 1000}
            pod = await node.pod(WAITS, spec=spec, volumeMounts=mounts, securityContext=security)
            await pod.until(says(pod, "up"))
            assert (await pod.execute(["cat", "/etc/mine/a"])) == (0, "old")
            settings["data"] = {"a": "new"}
            await pod.refresh()
            assert (await pod.execute(["cat", "/etc/mine/a"])) == (0, "new")

    run(work())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stdin": True}, r"spec\.containers\[0\]\.stdin"),
        ({"livenessProbe": {"grpc": {"port": 1}}}, r"livenessProbe\.grpc"),
        ({"image": "nginx:1"}, "image nginx:1"),
        ({"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}, "capabilities.add"),
    ],
)
def test_what_it_does_not_know_is_refused_by_name(
    tmp_path: Path, change: Manifest, said: str
) -> None:
    async def work() -> None:
        async with a_node(tmp_path) as node:
            with pytest.raises(Unsupported, match=said):
                await node.pod("true", **change)
            assert node.kubelet.pods == {}

    run(work())


def test_a_pod_that_must_not_be_root_and_is_says_so(tmp_path: Path) -> None:
    async def work() -> None:
        async with a_node(tmp_path) as node:
            pod = await node.pod("true", securityContext={"runAsNonRoot": True})
            await pod.until(lambda: pod.phase == "Failed")
            assert "runAsNonRoot" in pod.reason

    run(work())


def test_back_off_doubles_from_the_second_end_to_five_minutes_and_is_forgotten() -> None:
    back_off = BackOff()
    waits = [back_off.wait_s(float(second)) for second in range(8)]
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
    assert back_off.wait_s(1000.0) == 0
