"""What the commands of a page have put into a cluster so far, as one file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]

KINDS = {
    "configmap": "ConfigMap", "deployment": "Deployment", "hpa": "HorizontalPodAutoscaler",
    "ingress": "Ingress", "job": "Job", "namespace": "Namespace", "networkpolicy": "NetworkPolicy",
    "pdb": "PodDisruptionBudget", "persistentvolumeclaim": "PersistentVolumeClaim",
    "pod": "Pod", "secret": "Secret", "service": "Service", "statefulset": "StatefulSet",
    "httproute": "HTTPRoute",
}  # fmt: skip


class Wrong(Exception):
    """The command would not do in a real cluster."""


def need(met: object, why: str) -> None:
    """Raise Wrong unless `met`."""
    if not met:
        raise Wrong(why)


@dataclass
class Cluster:
    """Objects by namespace, kind and name; releases with the manifests of each revision."""

    folder: Path
    namespace: str = "default"
    kind_name: str = ""
    releases: dict[str, list[list[Manifest]]] = field(default_factory=dict)
    applied: list[Manifest] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Cluster:
        """Return what the commands so far have made."""
        file = folder / "cluster.json"
        return cls(folder, **json.loads(file.read_text())) if file.exists() else cls(folder)

    def write(self) -> None:
        """Keep it for the next command."""
        held = {name: value for name, value in vars(self).items() if name != "folder"}
        (self.folder / "cluster.json").write_text(json.dumps(held))

    def objects(self) -> Iterator[Manifest]:
        """Yield all that is there now, hooks included."""
        yield from self.applied
        for revisions in self.releases.values():
            yield from revisions[-1]

    def find(self, kind: str, name: str, namespace: str) -> Manifest | None:
        """Return the object of that name; for the pods of a workload, the workload."""
        wanted = KINDS.get(kind.lower().removesuffix("s"), KINDS.get(kind.lower()))
        need(wanted, f"no kind of things is called {kind}")
        for each in self.objects():
            here = each["metadata"].get("namespace", namespace) == namespace
            own = each["metadata"]["name"]
            if (here or wanted == "Namespace") and (
                (each["kind"] == wanted and own == name)
                or (wanted == "Pod" and each["kind"] == "StatefulSet"
                    and re.fullmatch(rf"{own}-\d", name))
            ):  # fmt: skip
                return each
        return None
