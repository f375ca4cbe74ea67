"""Which fields of a pod the rehearsal knows; any other is refused, so that none is ignored unseen.

`True` stands for a value that is taken as it is. The fields of `ELSEWHERE` mean something to the
scheduler, the autoscaler or the real kubelet's host only, and nothing to a process: they are
accepted and have no effect here. Names are those of Kubernetes' PodSpec (core/v1).
"""

from __future__ import annotations

from typing import Any, Final


class Unsupported(ValueError):
    """A manifest asks for something that the rehearsal does not do."""


Shape = dict[str, Any]

REFERENCE: Final[Shape] = {"name": True, "key": True, "optional": True}
HTTP_GET: Final[Shape] = {
    "path": True, "port": True, "scheme": True, "httpHeaders": [{"name": True, "value": True}],
}  # fmt: skip
EXEC: Final[Shape] = {"command": True}
TCP: Final[Shape] = {"port": True}
HANDLER: Final[Shape] = {"exec": EXEC, "httpGet": HTTP_GET, "sleep": {"seconds": True}}
PROBE: Final[Shape] = {
    "exec": EXEC, "httpGet": HTTP_GET, "tcpSocket": TCP,
    "initialDelaySeconds": True, "periodSeconds": True, "timeoutSeconds": True,
    "successThreshold": True, "failureThreshold": True, "terminationGracePeriodSeconds": True,
}  # fmt: skip
ENV: Final[Shape] = {
    "name": True,
    "value": True,
    "valueFrom": {
        "secretKeyRef": REFERENCE,
        "configMapKeyRef": REFERENCE,
        "fieldRef": {"apiVersion": True, "fieldPath": True},
        "resourceFieldRef": {"containerName": True, "resource": True, "divisor": True},
    },
}
SECCOMP: Final[Shape] = {"type": True}
CONTAINER_SECURITY: Final[Shape] = {
    "runAsUser": True, "runAsGroup": True, "runAsNonRoot": True, "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": True, "capabilities": {"drop": True}, "seccompProfile": SECCOMP,
}  # fmt: skip
POD_SECURITY: Final[Shape] = {
    "runAsUser": True, "runAsGroup": True, "runAsNonRoot": True, "fsGroup": True,
    "fsGroupChangePolicy": True, "supplementalGroups": True, "seccompProfile": SECCOMP,
}  # fmt: skip
CONTAINER: Final[Shape] = {
    "name": True, "image": True, "command": True, "args": True, "workingDir": True,
    "env": [ENV],
    "envFrom": [
        {
            "prefix": True,
            "configMapRef": {"name": True, "optional": True},
            "secretRef": {"name": True, "optional": True},
        }
    ],
    "ports": [{"name": True, "containerPort": True, "protocol": True}],
    "volumeMounts": [{"name": True, "mountPath": True, "subPath": True, "readOnly": True}],
    "securityContext": CONTAINER_SECURITY,
    "startupProbe": PROBE, "livenessProbe": PROBE, "readinessProbe": PROBE,
    "lifecycle": {"preStop": HANDLER},
    "imagePullPolicy": True, "resources": {"requests": True, "limits": True},
    "terminationMessagePath": True, "terminationMessagePolicy": True,
}  # fmt: skip
ITEMS: Final = [{"key": True, "path": True, "mode": True}]
FIELD_ITEMS: Final = [
    {"path": True, "mode": True, "fieldRef": {"apiVersion": True, "fieldPath": True}}
]
VOLUME: Final[Shape] = {
    "name": True,
    "configMap": {"name": True, "items": ITEMS, "defaultMode": True, "optional": True},
    "secret": {"secretName": True, "items": ITEMS, "defaultMode": True, "optional": True},
    "emptyDir": {"medium": True, "sizeLimit": True},
    "downwardAPI": {"items": FIELD_ITEMS, "defaultMode": True},
    "persistentVolumeClaim": {"claimName": True, "readOnly": True},
    "projected": {
        "defaultMode": True,
        "sources": [
            {
                "configMap": {"name": True, "items": ITEMS, "optional": True},
                "secret": {"name": True, "items": ITEMS, "optional": True},
                "downwardAPI": {"items": FIELD_ITEMS},
            }
        ],
    },
}
ELSEWHERE: Final[Shape] = dict.fromkeys(
    (
        "affinity", "automountServiceAccountToken", "enableServiceLinks", "imagePullSecrets",
        "nodeName", "nodeSelector", "preemptionPolicy", "priority", "priorityClassName",
        "schedulerName", "serviceAccount", "serviceAccountName", "tolerations",
        "topologySpreadConstraints", "dnsPolicy",
    ),
    True,
)  # fmt: skip
DNS: Final[Shape] = {"options": [{"name": True, "value": True}]}
"""How a name server is asked. There is none here: names stand in files."""
POD: Final[Shape] = ELSEWHERE | {
    "dnsConfig": DNS,
    "containers": [CONTAINER], "initContainers": [CONTAINER], "volumes": [VOLUME],
    "securityContext": POD_SECURITY, "restartPolicy": True, "terminationGracePeriodSeconds": True,
    "hostname": True, "subdomain": True,
}  # fmt: skip


def check(spec: dict[str, Any]) -> None:
    """Raise `Unsupported` that names the first field of a pod's spec that is not known."""
    _check(spec, POD, "spec")
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        dropped = container.get("securityContext", {}).get("capabilities", {}).get("drop", ["ALL"])
        if dropped != ["ALL"]:
            raise Unsupported(f"container {container['name']}: capabilities other than none")


def _check(value: Any, known: Any, path: str) -> None:
    if known is True or value is None:
        return
    if isinstance(known, list):
        for number, item in enumerate(value):
            _check(item, known[0], f"{path}[{number}]")
        return
    for name, inner in value.items():
        if name not in known:
            raise Unsupported(f"{path}.{name}: the rehearsal knows {', '.join(sorted(known))}")
        _check(inner, known[name], f"{path}.{name}")
