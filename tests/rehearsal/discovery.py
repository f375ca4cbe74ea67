"""What Prometheus finds in a cluster by `kubernetes_sd_configs` with the role endpoints.

Debian builds Prometheus without that discovery. So its labels are made here, from the same objects
of the API server, and handed over by `file_sd_configs`; what follows, the relabelling that decides
what is scraped and how it is called, is Prometheus's own. Labels as in Prometheus's documentation,
"<kubernetes_sd_config>", and discovery/kubernetes/endpoints.go (buildEndpoints).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Manifest = Mapping[str, Any]
Labels = dict[str, str]


def known(name: str) -> str:
    """Return how Prometheus writes the name of a label or annotation."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def discovered(
    endpoints: Sequence[Manifest], services: Sequence[Manifest], pods: Sequence[Manifest]
) -> list[Labels]:
    """Return the labels of every target, `__address__` among them."""
    by_service = {each["metadata"]["name"]: each for each in services}
    by_pod = {each["metadata"]["name"]: each for each in pods}
    found: list[Labels] = []
    for each in endpoints:
        name = each["metadata"]["name"]
        shared = {
            "__meta_kubernetes_namespace": each["metadata"]["namespace"],
            "__meta_kubernetes_endpoints_name": name,
        }
        if name in by_service:
            shared |= _of_object("service", by_service[name])
        for address, port, ready in _addresses(each):
            labels = shared | {
                "__address__": f"{address['ip']}:{port['port']}",
                "__meta_kubernetes_endpoint_ready": ready,
                "__meta_kubernetes_endpoint_port_name": port.get("name", ""),
                "__meta_kubernetes_endpoint_port_protocol": port.get("protocol", "TCP"),
            }
            reference = address.get("targetRef") or {}
            if reference:
                labels["__meta_kubernetes_endpoint_address_target_kind"] = reference["kind"]
                labels["__meta_kubernetes_endpoint_address_target_name"] = reference["name"]
            if reference.get("kind") == "Pod" and reference["name"] in by_pod:
                labels |= _of_pod(by_pod[reference["name"]], int(port["port"]))
            found.append(labels)
    return found


def write(file: Path, targets: Sequence[Labels]) -> None:
    """Hand them over to Prometheus, whole."""
    groups = [
        {
            "targets": [each["__address__"]],
            "labels": {name: value for name, value in each.items() if name != "__address__"},
        }
        for each in targets
    ]
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(groups))
    fresh.replace(file)


def _addresses(endpoints: Manifest) -> Iterator[tuple[Manifest, Manifest, str]]:
    for subset in endpoints.get("subsets") or ():
        for field, ready in (("addresses", "true"), ("notReadyAddresses", "false")):
            for address in subset.get(field) or ():
                for port in subset.get("ports") or ():
                    yield address, port, ready


def _of_object(kind: str, manifest: Manifest) -> Labels:
    metadata = manifest["metadata"]
    found = {f"__meta_kubernetes_{kind}_name": metadata["name"]}
    for field, what in (("labels", "label"), ("annotations", "annotation")):
        for name, value in (metadata.get(field) or {}).items():
            found[f"__meta_kubernetes_{kind}_{what}_{known(name)}"] = value
            found[f"__meta_kubernetes_{kind}_{what}present_{known(name)}"] = "true"
    return found


def _of_pod(pod: Manifest, port: int) -> Labels:
    status = pod.get("status") or {}
    found = _of_object("pod", pod) | {
        "__meta_kubernetes_pod_ip": status.get("podIP", ""),
        "__meta_kubernetes_pod_phase": status.get("phase", ""),
        "__meta_kubernetes_pod_node_name": pod["spec"].get("nodeName", ""),
        "__meta_kubernetes_pod_uid": pod["metadata"].get("uid", ""),
    }
    for container in pod["spec"]["containers"]:
        for each in container.get("ports") or ():
            if each["containerPort"] == port:
                found |= {
                    "__meta_kubernetes_pod_container_name": container["name"],
                    "__meta_kubernetes_pod_container_port_name": each.get("name", ""),
                    "__meta_kubernetes_pod_container_port_number": str(port),
                }
    return found
