"""Which node a pod is put on: hosts in zones, spread, anti-affinity, and nodes that are cordoned.

Source: Kubernetes documentation, "Pod Topology Spread Constraints" and "Assigning Pods to Nodes".
Room on nodes (requests against capacity) is not looked at: these nodes are names, not machines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.objects import selects

HOST_LABEL, ZONE_LABEL = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


@dataclass(frozen=True)
class Node:
    """A node: its zone, more labels, and whether it takes no new pods (`kubectl cordon`)."""

    name: str
    zone: str = "zone-a"
    cordoned: bool = False
    more_labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels that a selector sees."""
        return {HOST_LABEL: self.name, ZONE_LABEL: self.zone, **self.more_labels}


@dataclass(frozen=True)
class Placed:
    """A pod that runs on a node and is not ending."""

    node: str
    labels: Mapping[str, str]


def place(
    nodes: Sequence[Node],
    placed: Sequence[Placed],
    labels: Mapping[str, str],
    pod_spec: Mapping[str, Any],
) -> str | None:
    """Return the node for a pod of these labels, or None where none fits: the pod stays pending."""
    eligible = [node for node in nodes if _chosen(node, pod_spec)]
    constraints = [
        _Spread(eligible, placed, labels, constraint)
        for constraint in pod_spec.get("topologySpreadConstraints") or ()
    ]
    fitting = [
        node
        for node in eligible
        if not node.cordoned
        and all(spread.admits(node) for spread in constraints)
        and not _repelled(node, nodes, placed, labels, pod_spec)
    ]
    if not fitting:
        return None
    on_node = Counter(pod.node for pod in placed)

    def cost(node: Node) -> tuple[float, int, str]:
        crowd = sum(spread.crowd(node) for spread in constraints)
        crowd += _disliked(node, nodes, placed, pod_spec)
        return crowd, on_node[node.name], node.name

    return min(fitting, key=cost).name


class _Spread:
    """One constraint: how many pods that it counts are in each domain."""

    def __init__(
        self,
        nodes: Sequence[Node],
        placed: Sequence[Placed],
        labels: Mapping[str, str],
        constraint: Mapping[str, Any],
    ) -> None:
        self._key = constraint["topologyKey"]
        self._hard = constraint["whenUnsatisfiable"] == "DoNotSchedule"
        self._skew = int(constraint["maxSkew"])
        self._domains = int(constraint.get("minDomains", 1))
        honored = constraint.get("nodeTaintsPolicy", "Ignore") == "Honor"
        domain_of = {
            node.name: node.labels[self._key]
            for node in nodes
            if self._key in node.labels and not (honored and node.cordoned)
        }
        selector = constraint.get("labelSelector") or {}
        same = constraint.get("matchLabelKeys") or ()
        self._counts = dict.fromkeys(domain_of.values(), 0)
        for pod in placed:
            alike = all(pod.labels.get(key) == labels.get(key) for key in same)
            if pod.node in domain_of and alike and selects(selector, pod.labels):
                self._counts[domain_of[pod.node]] += 1
        self._itself = int(selects(selector, labels))

    def admits(self, node: Node) -> bool:
        """Say whether the skew stays within `maxSkew` with the pod on `node`."""
        if not self._hard:
            return True
        if self._key not in node.labels:
            return False
        if node.labels[self._key] not in self._counts:
            return False  # a cordoned node, whose taint is honored
        least = 0 if len(self._counts) < self._domains else min(self._counts.values())
        return self._counts[node.labels[self._key]] + self._itself - least <= self._skew

    def crowd(self, node: Node) -> float:
        """Return how many there are already; a node outside every domain is taken last."""
        return self._counts.get(node.labels.get(self._key, ""), 1_000_000)


def _chosen(node: Node, pod_spec: Mapping[str, Any]) -> bool:
    """Say whether nodeSelector and required node affinity take the node."""
    if not (pod_spec.get("nodeSelector") or {}).items() <= node.labels.items():
        return False
    affinity = (pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(
        selects({"matchExpressions": term.get("matchExpressions")}, node.labels)
        for term in required["nodeSelectorTerms"]
    )


def _repelled(
    node: Node,
    nodes: Sequence[Node],
    placed: Sequence[Placed],
    labels: Mapping[str, str],
    pod_spec: Mapping[str, Any],
) -> bool:
    """Say whether required pod anti-affinity keeps the pod off the node."""
    del labels
    anti = (pod_spec.get("affinity") or {}).get("podAntiAffinity") or {}
    required = anti.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    return any(_beside(node, nodes, placed, term) for term in required)


def _disliked(
    node: Node, nodes: Sequence[Node], placed: Sequence[Placed], pod_spec: Mapping[str, Any]
) -> float:
    anti = (pod_spec.get("affinity") or {}).get("podAntiAffinity") or {}
    preferred = anti.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return sum(
        each["weight"] / 100 * _beside(node, nodes, placed, each["podAffinityTerm"])
        for each in preferred
    )


def _beside(
    node: Node, nodes: Sequence[Node], placed: Sequence[Placed], term: Mapping[str, Any]
) -> int:
    """Return how many pods that a term takes are in the node's domain."""
    key = term["topologyKey"]
    domain = {each.name for each in nodes if each.labels.get(key) == node.labels.get(key)}
    selector = term.get("labelSelector") or {}
    return sum(pod.node in domain and selects(selector, pod.labels) for pod in placed)
