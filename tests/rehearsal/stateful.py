"""How a StatefulSet keeps its pods: stable names and claims, in order, one after the other.

Source: kubernetes/pkg/controller/statefulset/stateful_set_control.go (`updateStatefulSet`) and the
documentation, "StatefulSets", "Deployment and Scaling Guarantees".
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.objects import Manifest, digest, name_of

REVISION_LABEL = "controller-revision-hash"
POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
INDEX_LABEL = "apps.kubernetes.io/pod-index"


@dataclass(frozen=True)
class Member:
    """A pod of the set as it stands. `available` is ready for `minReadySeconds`."""

    ordinal: int
    revision: str
    available: bool = True
    ending: bool = False
    failed: bool = False


@dataclass(frozen=True)
class Turn:
    """Ordinals to create and to delete now."""

    create: tuple[int, ...] = ()
    delete: tuple[int, ...] = ()


def turn(spec: Mapping[str, Any], members: Sequence[Member], revision: str) -> Turn:
    """Return what to do next; an empty turn means to wait, or that all is as asked."""
    replicas = spec.get("replicas", 1)
    parallel = spec.get("podManagementPolicy", "OrderedReady") == "Parallel"
    held = {member.ordinal: member for member in members}
    wanted = range(replicas)
    started = _started(wanted, held, parallel=parallel)
    if started is not None:
        return started
    condemned = sorted((o for o in held if o not in wanted), reverse=True)
    if condemned:
        return _condemned(condemned, held, parallel=parallel)
    return _updated(spec, wanted, held, revision)


def _started(wanted: range, held: Mapping[int, Member], *, parallel: bool) -> Turn | None:
    """Return the turn while some member of the set is not there and available, else None."""
    absent = tuple(o for o in wanted if o not in held)
    dead = tuple(o for o in wanted if o in held and held[o].failed and not held[o].ending)
    if parallel:
        return Turn(absent, dead) if absent or dead else None
    for ordinal in wanted:
        member = held.get(ordinal)
        if member is None:
            return Turn(create=(ordinal,))
        if member.failed and not member.ending:
            return Turn(delete=(ordinal,))
        if member.ending or not member.available:
            return Turn()  # waited for, even where its template is broken: as the real one does
    return None


def _condemned(condemned: Sequence[int], held: Mapping[int, Member], *, parallel: bool) -> Turn:
    if parallel:
        return Turn(delete=tuple(o for o in condemned if not held[o].ending))
    last = held[condemned[0]]
    return Turn() if last.ending else Turn(delete=(last.ordinal,))


def _updated(
    spec: Mapping[str, Any], wanted: range, held: Mapping[int, Member], revision: str
) -> Turn:
    """Replace from the highest ordinal down, each only when those above it are available."""
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") == "OnDelete":
        return Turn()
    if (strategy.get("rollingUpdate") or {}).get("partition", 0):
        raise ValueError("a partition of a StatefulSet is not served")
    for ordinal in reversed(wanted):
        member = held[ordinal]
        if member.revision != revision and not member.ending:
            return Turn(delete=(ordinal,))
        if member.ending or not member.available:
            return Turn()
    return Turn()


def revision_of(manifest: Manifest) -> str:
    """Return what names the template of a set."""
    return f"{name_of(manifest)}-{digest(manifest['spec']['template'])}"


def claim_names(manifest: Manifest, ordinal: int) -> dict[str, str]:
    """Return claim template → name of the PersistentVolumeClaim of one member."""
    templates = manifest["spec"].get("volumeClaimTemplates") or ()
    return {name_of(each): f"{name_of(each)}-{name_of(manifest)}-{ordinal}" for each in templates}


def claims(manifest: Manifest, ordinal: int) -> list[Manifest]:
    """Return the PersistentVolumeClaims of one member; they outlive it and the set."""
    made = []
    for template in manifest["spec"].get("volumeClaimTemplates") or ():
        claim = copy.deepcopy(template)
        claim |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
        claim["metadata"]["name"] = claim_names(manifest, ordinal)[name_of(template)]
        made.append(claim)
    return made


def pod_template(manifest: Manifest, ordinal: int) -> Manifest:
    """Return the template of one member: its name, host name, labels and claims."""
    template = copy.deepcopy(manifest["spec"]["template"])
    name = f"{name_of(manifest)}-{ordinal}"
    template["metadata"].setdefault("labels", {}).update(
        {
            REVISION_LABEL: revision_of(manifest),
            POD_NAME_LABEL: name,
            INDEX_LABEL: str(ordinal),
        }
    )
    spec = template["spec"]
    spec["hostname"] = name
    spec["subdomain"] = manifest["spec"]["serviceName"]
    kept = claim_names(manifest, ordinal)
    volumes = [each for each in spec.get("volumes") or () if each["name"] not in kept]
    volumes += [
        {"name": volume, "persistentVolumeClaim": {"claimName": claim}}
        for volume, claim in kept.items()
    ]
    spec["volumes"] = volumes
    return template
