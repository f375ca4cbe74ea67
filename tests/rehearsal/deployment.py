"""How a Deployment replaces its pods: the arithmetic of a rolling update, and which pod goes first.

Source: kubernetes/pkg/controller/deployment (`rolling.go`, `util/deployment_util.go`:
ResolveFenceposts, NewRSNewReplicas) and controller_utils.go (`ActivePodsWithRanks`). Pods that are
ending count nowhere, as there: while they drain, more processes run than `replicas + maxSurge`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.objects import Manifest, digest, scaled

MAX_SURGE = MAX_UNAVAILABLE = "25%"
"""The defaults of the API (apps/v1 RollingUpdateDeployment)."""

HASH_LABEL = "pod-template-hash"


@dataclass(frozen=True)
class Count:
    """Of the pods of one template: how many are asked for, and how many of them are available."""

    replicas: int
    available: int = 0


@dataclass(frozen=True)
class Standing:
    """What decides which pod is taken away first."""

    name: str
    ready: bool
    node_shared_with: int = 0
    ready_for_s: float = 0.0
    restarts: int = 0
    age_s: float = 0.0
    placed: bool = True


def fenceposts(strategy: Mapping[str, Any], desired: int) -> tuple[int, int]:
    """Return (surge, unavailable) in pods: a surge is rounded up, what may be missing down."""
    rolling = strategy.get("rollingUpdate") or {}
    surge = scaled(rolling.get("maxSurge", MAX_SURGE), desired, up=True)
    unavailable = scaled(rolling.get("maxUnavailable", MAX_UNAVAILABLE), desired, up=False)
    return surge, unavailable or (0 if surge else 1)


def grow(desired: int, surge: int, new: Count, olds: Sequence[Count]) -> int:
    """Return how many pods of the new template there shall be now."""
    if new.replicas >= desired:
        return desired
    room = desired + surge - new.replicas - sum(old.replicas for old in olds)
    return new.replicas + min(max(0, room), desired - new.replicas)


def shrink(desired: int, unavailable: int, new: Count, olds: Sequence[Count]) -> list[int]:
    """Return how many pods of each old template there shall be now, oldest first as given."""
    least = desired - unavailable
    total = new.replicas + sum(old.replicas for old in olds)
    may_go = total - least - (new.replicas - new.available)
    left = []
    for old in olds:  # those that serve nobody go first
        gone = max(0, min(may_go, old.replicas - old.available))
        may_go -= gone
        left.append(old.replicas - gone)
    spare = new.available + sum(old.available for old in olds) - least
    for at, old in enumerate(olds):
        gone = max(0, min(spare, left[at], old.available))
        spare -= gone
        left[at] -= gone
    return left


def step(
    desired: int, surge: int, unavailable: int, new: Count, olds: Sequence[Count]
) -> tuple[int, list[int]]:
    """Return what is asked for next: of the new template, and of each old one.

    As the controller does, a turn either grows or shrinks.
    """
    grown = grow(desired, surge, new, olds)
    if grown != new.replicas:
        return grown, [old.replicas for old in olds]
    return grown, shrink(desired, unavailable, new, olds)


def recreate(
    desired: int, olds_left: int, new: Count, olds: Sequence[Count]
) -> tuple[int, list[int]]:
    """Return the same for `type: Recreate`; `olds_left` are old pods that still run or end."""
    nothing = [0 for _ in olds]
    return (new.replicas if olds_left else desired), nothing


def victims(pods: Sequence[Standing], count: int) -> list[str]:
    """Return the names of the `count` pods that a smaller replica set takes away.

    Not placed, not ready, sharing its node, ready for the shortest time, most restarts, youngest.
    """
    first: Callable[[Standing], tuple[Any, ...]] = lambda pod: (  # noqa: E731 - a key, named
        pod.placed,
        pod.ready,
        -pod.node_shared_with,
        pod.ready_for_s,
        -pod.restarts,
        pod.age_s,
        pod.name,
    )
    return [pod.name for pod in sorted(pods, key=first)[: max(0, count)]]


def template_hash(deployment: Manifest) -> str:
    """Return what names the template; a changed annotation in it (a checksum) changes it."""
    return digest(deployment["spec"]["template"])
