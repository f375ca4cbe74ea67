from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rehearsal.discovery import discovered, write

SERVICE = {
    "metadata": {"name": "api-gateway-management", "labels": {"app.kubernetes.io/name": "gw"}}
}
PORT = {"name": "management", "port": 9090}


def endpoints(*names: str, ready: bool = True) -> dict[str, Any]:
    addresses = [
        {"ip": f"10.0.0.{number}", "targetRef": {"kind": "Pod", "name": name}}
        for number, name in enumerate(names, 1)
    ]
    field = "addresses" if ready else "notReadyAddresses"
    return {
        "metadata": {"name": "api-gateway-management", "namespace": "default"},
        "subsets": [{field: addresses, "ports": [PORT]}],
    }


def pod(name: str) -> dict[str, Any]:
    ports = [{"containerPort": 8080, "name": "http"}, {"containerPort": 9090, "name": "management"}]
    return {
        "metadata": {"name": name, "uid": "u"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "gateway", "ports": ports}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    }


def test_each_address_of_a_service_is_a_target_with_the_labels_of_its_service_and_pod() -> None:
    found = discovered([endpoints("a", "b")], [SERVICE], [pod("a"), pod("b")])
    assert [each["__address__"] for each in found] == ["10.0.0.1:9090", "10.0.0.2:9090"]
    first = found[0]
    assert first["__meta_kubernetes_service_label_app_kubernetes_io_name"] == "gw"
    assert first["__meta_kubernetes_service_labelpresent_app_kubernetes_io_name"] == "true"
    assert first["__meta_kubernetes_pod_name"] == "a"
    assert first["__meta_kubernetes_pod_container_name"] == "gateway"
    assert first["__meta_kubernetes_endpoint_port_name"] == "management"


def test_a_pod_that_is_not_ready_is_found_too_and_says_so() -> None:
    (found,) = discovered([endpoints("a", ready=False)], [SERVICE], [pod("a")])
    assert found["__meta_kubernetes_endpoint_ready"] == "false"


def test_targets_are_handed_over_in_the_form_of_file_discovery(tmp_path: Path) -> None:
    file = tmp_path / "targets.json"
    write(file, discovered([endpoints("a")], [SERVICE], [pod("a")]))
    (group,) = json.loads(file.read_text())
    assert group["targets"] == ["10.0.0.1:9090"]
    assert group["labels"]["__meta_kubernetes_namespace"] == "default"
    assert "__address__" not in group["labels"]
