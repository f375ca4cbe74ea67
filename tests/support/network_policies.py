"""Who may reach whom: NetworkPolicies evaluated as their API documents it.

A pod is isolated in a direction as soon as one policy selects it there; then only what some policy
allows passes. A connection needs both ends: egress of the caller and ingress of the called.
See https://kubernetes.io/docs/concepts/services-networking/network-policies/.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A pod, or with `labels` None whoever else has the address."""

    ip: str
    labels: Mapping[str, str] | None = None
    namespace: str = ""
    namespace_labels: Mapping[str, str] = field(default_factory=dict)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Say whether a LabelSelector matches; an empty one matches all."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(term, labels) for term in selector.get("matchExpressions") or [])


def may_reach(
    policies: Iterable[Manifest], caller: Peer, called: Peer, port: int, protocol: str = "TCP"
) -> bool:
    """Say whether a connection from `caller` to `called` is allowed at both ends."""
    found = list(policies)
    return _passes(found, "Egress", caller, called, port, protocol) and _passes(
        found, "Ingress", called, caller, port, protocol
    )


def _holds(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(term["key"]), term.get("values", [])
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[term["operator"]]


def _passes(
    policies: list[Manifest], direction: str, pod: Peer, other: Peer, port: int, protocol: str
) -> bool:
    if pod.labels is None:
        return True
    isolating = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == pod.namespace
        and direction in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], pod.labels)
    ]
    if not isolating:
        return True
    rules, side = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    return any(
        _allows(rule, side, policy["metadata"]["namespace"], other, port, protocol)
        for policy in isolating
        for rule in policy["spec"].get(rules) or []
    )


def _allows(
    rule: Mapping[str, Any], side: str, namespace: str, other: Peer, port: int, protocol: str
) -> bool:
    ports = rule.get("ports")
    if ports and not any((p.get("protocol", "TCP"), p["port"]) == (protocol, port) for p in ports):
        return False
    peers = rule.get(side)
    return not peers or any(_is(peer, namespace, other) for peer in peers)


def _is(peer: Mapping[str, Any], namespace: str, other: Peer) -> bool:
    if "ipBlock" in peer:
        address = ipaddress.ip_address(other.ip)
        block = peer["ipBlock"]
        return address in ipaddress.ip_network(block["cidr"]) and not any(
            address in ipaddress.ip_network(part) for part in block.get("except", [])
        )
    if other.labels is None:
        return False
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"] or {}, other.namespace_labels):
            return False
    elif other.namespace != namespace:
        return False
    return selects(peer.get("podSelector") or {}, other.labels)
