"""What a container of a pod is to run: who it is, what it sees and which words it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rehearsal import images
from rehearsal.container import Mount, Program
from rehearsal.environment import Source, environment, expanded
from rehearsal.fields import Unsupported
from rehearsal.images import SEARCH, Image
from rehearsal.volumes import Volumes

Manifest = dict[str, Any]
KEYED: Final = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


@dataclass(frozen=True, slots=True)
class Facts:
    """What `fieldRef` knows of a pod (Kubernetes' "Downward API", available fields)."""

    manifest: Manifest
    node: str
    address: str
    node_address: str

    def __call__(self, path: str) -> str:
        metadata, spec = self.manifest["metadata"], self.manifest["spec"]
        if keyed := KEYED.fullmatch(path):
            return str((metadata.get(keyed[1]) or {}).get(keyed[2], ""))
        if path in {"metadata.labels", "metadata.annotations"}:
            pairs = (metadata.get(path.removeprefix("metadata.")) or {}).items()
            return "".join(f'{key}="{value}"\n' for key, value in sorted(pairs))
        known = {
            "metadata.name": metadata["name"],
            "metadata.namespace": metadata.get("namespace", "default"),
            "metadata.uid": metadata.get("uid", ""),
            "spec.nodeName": self.node,
            "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
            "status.podIP": self.address,
            "status.podIPs": self.address,
            "status.hostIP": self.node_address,
        }
        if path not in known:
            raise Unsupported(f"fieldRef {path}")
        return str(known[path])


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes the plans of one pod's containers."""

    manifest: Manifest
    host_name: str
    table: Mapping[str, Image]
    source: Source
    volumes: Volumes
    facts: Callable[[str], str]

    def program(self, spec: Manifest) -> Program:
        """Return what a container runs. Raises `Missing`, and `Unsupported` for a wrong user."""
        image = images.named(self.table, spec["image"])
        uid, gid = self._user(spec, image)
        security = self.manifest["spec"].get("securityContext") or {}
        groups = [*(security.get("supplementalGroups") or ())]
        groups += [security["fsGroup"]] if security.get("fsGroup") is not None else []
        namespace = self.manifest["metadata"].get("namespace", "default")
        asked = environment(spec, namespace, self.source, self.facts)
        given = {"PATH": SEARCH, "HOSTNAME": self.host_name, "HOME": "/" if uid else "/root"}
        known = {**given, **image.env, **asked}
        return Program(
            argv=tuple(_argv(spec, image, asked)),
            env=known,
            folder=spec.get("workingDir") or image.folder,
            uid=uid,
            gid=gid,
            groups=tuple(groups),
            read_only_root=bool(
                (spec.get("securityContext") or {}).get("readOnlyRootFilesystem"),
            ),
            mounts=tuple(self._mount(each) for each in spec.get("volumeMounts") or ()),
            links=dict(image.files),
            trees=image.trees,
        )

    def _mount(self, mount: Manifest) -> Mount:
        source, read_only = self.volumes.source_of(mount)
        return Mount(source, mount["mountPath"], read_only)

    def _user(self, spec: Manifest, image: Image) -> tuple[int, int]:
        """Return uid and gid: the container's, else the pod's, else the image's."""
        pod = self.manifest["spec"].get("securityContext") or {}
        security = {**pod, **(spec.get("securityContext") or {})}
        uid = security.get("runAsUser", image.uid)
        if security.get("runAsNonRoot") and uid == 0:
            raise Unsupported(f"{spec['name']}: runAsNonRoot and image will run as root")
        return uid, security.get("runAsGroup", image.gid if uid == image.uid else 0)


def _argv(spec: Manifest, image: Image, known: Mapping[str, str]) -> list[str]:
    words = image.argv(spec.get("command"), spec.get("args"))
    if not words:
        raise Unsupported(f"{spec['name']}: neither command nor args, and the image has none")
    return [expanded(str(word), known) for word in words]
