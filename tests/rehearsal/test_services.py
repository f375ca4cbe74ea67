"""Which pods answer for a Service, and when others hear of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rehearsal.objects import Manifest
from rehearsal.services import as_endpoints, as_slice, endpoints
from rehearsal.standing import ask, cluster, container, pod, service, workload
from support.loops import run


def running(name: str, *, ready: bool = True, ending: bool = False, **more: Any) -> Manifest:
    """Return a pod as the API has it."""
    metadata: Manifest = {"name": name, "uid": name, "labels": {"app": "echo"}}
    if ending:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "nodeName": "node-1",
            "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}],
            **more,
        },
        "status": {"phase": "Running", "podIP": f"10.0.0.{len(name)}", "conditions": conditions},
    }


PODS = [
    running("a"),
    running("bb", ready=False),
    running("ccc", ending=True),
    {**running("other"), "metadata": {"name": "other", "labels": {"app": "else"}}},
    {**running("waits"), "status": {"phase": "Pending"}},
]


def test_ready_pods_that_do_not_end_answer_for_a_service() -> None:
    found = endpoints(service(), PODS)
    assert [(each.pod, each.ready) for each in found] == [
        ("a", True),
        ("bb", False),
        ("ccc", False),
    ]
    assert found[0].ports == ((80, 8080),)


def test_a_service_that_publishes_all_has_those_that_are_not_ready_too() -> None:
    found = endpoints(service(publishNotReadyAddresses=True), PODS)
    assert all(each.ready for each in found)


def test_a_named_port_is_each_pods_own_and_a_service_without_selector_has_none() -> None:
    pod = running("a", containers=[{"ports": [{"name": "http", "containerPort": 9}]}])
    assert endpoints(service(), [pod])[0].ports == ((80, 9),)
    unnamed = running("a", containers=[{}])
    assert endpoints(service(), [unnamed])[0].ports == ()
    assert endpoints(service(selector={}), PODS) == []


def test_the_objects_are_those_of_the_api() -> None:
    found = endpoints(service(), PODS)
    (subset,) = as_endpoints(service(), found)["subsets"]
    assert [each["ip"] for each in subset["addresses"]] == ["10.0.0.1"]
    assert [each["targetRef"]["name"] for each in subset["notReadyAddresses"]] == ["bb"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    piece = as_slice(service(), found)
    assert piece["metadata"]["labels"]["kubernetes.io/service-name"] == "echo"
    assert [each["conditions"]["serving"] for each in piece["endpoints"]] == [True, False, True]


def test_a_pod_that_ends_is_used_until_others_have_heard_of_it(tmp_path: Path) -> None:
    """This is what a preStop is for: here one that lasts as long as the test."""
    stays = {"preStop": {"exec": {"command": ["sleep", "600"]}}}
    manifest = workload(replicas=2)
    manifest["spec"]["template"] = pod(
        container(lifecycle=stays), terminationGracePeriodSeconds=600
    )

    async def work() -> None:
        async with cluster(tmp_path) as at:
            await at.install([manifest, service()])
            await at.settled()
            me = await at.client("me")
            leaving = min(at.pods.held)
            at.services.delay_s = 600
            at.pods.delete(leaving)
            await at.wait_for(
                lambda: leaving not in {each.pod for each in at.services.ready("echo")},
                "it is known to end",
            )
            answered = {(await ask(me, "echo"))[1].split("\n")[0] for _ in range(20)}
            assert leaving in answered
            at.services.tell("echo")
            await at.wait_for(at.proxy.has_read, "the others have heard of it")
            later = {(await ask(me, "echo"))[1].split("\n")[0] for _ in range(20)}
            assert leaving not in later
            assert at.pod(leaving).phase == "Running"

    run(work(), within_s=55)


def test_a_service_that_is_another_name_is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        async with cluster(tmp_path) as at:
            with pytest.raises(ValueError, match="echo: Services of type ExternalName"):
                await at.apply(service(type="ExternalName"))

    run(work(), within_s=55)
