"""Pods are spread as their constraints say, and cordoned nodes take none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rehearsal.scheduling import HOST_LABEL, ZONE_LABEL, Node, Placed, place

NODES = [Node("a1", "a"), Node("a2", "a"), Node("b1", "b"), Node("c1", "c")]
LABELS = {"app": "gateway"}
SELECTOR = {"matchLabels": LABELS}


def spread(key: str, skew: int = 1, what: str = "DoNotSchedule", **more: Any) -> dict[str, Any]:
    return {
        "topologyKey": key,
        "maxSkew": skew,
        "whenUnsatisfiable": what,
        "labelSelector": SELECTOR,
        **more,
    }


def fill(nodes: list[Node], pods: int, *constraints: dict[str, Any]) -> list[str | None]:
    placed: list[Placed] = []
    found = []
    for _ in range(pods):
        node = place(nodes, placed, LABELS, {"topologySpreadConstraints": list(constraints)})
        found.append(node)
        if node is not None:
            placed.append(Placed(node, LABELS))
    return found


@given(st.integers(0, 20), st.integers(1, 3))
def test_zones_differ_by_no_more_than_the_skew(pods: int, skew: int) -> None:
    found = fill(NODES, pods, spread(ZONE_LABEL, skew))
    zones = Counter({"a": 0, "b": 0, "c": 0})
    for node in found:
        assert node is not None
        zones[node[0]] += 1
    assert max(zones.values()) - min(zones.values()) <= skew


def test_one_pod_a_host_and_no_more_than_hosts() -> None:
    found = fill(NODES, 9, spread(HOST_LABEL, 1), spread(ZONE_LABEL, 2, "ScheduleAnyway"))
    assert set(found) == {node.name for node in NODES}


def test_a_cordoned_node_takes_none_and_still_counts_as_a_domain() -> None:
    nodes = [replace(node, cordoned=node.name == "c1") for node in NODES]
    found = fill(nodes, 6, spread(ZONE_LABEL, 1))
    assert "c1" not in found
    assert found.count(None) == 4  # a second pod in a or b would be two more than c has
    honored = fill(nodes, 6, spread(ZONE_LABEL, 1, nodeTaintsPolicy="Honor"))
    assert Counter(str(node)[0] for node in honored) == {"a": 3, "b": 3}
    anyway = fill(nodes, 6, spread(ZONE_LABEL, 1, "ScheduleAnyway"))
    assert None not in anyway
    assert "c1" not in anyway


def test_pods_of_another_template_do_not_count_with_match_label_keys() -> None:
    constraint = spread(HOST_LABEL, 1, matchLabelKeys=["pod-template-hash"])
    old = [Placed(node.name, {**LABELS, "pod-template-hash": "1"}) for node in NODES[:2]]
    labels = {**LABELS, "pod-template-hash": "2"}
    pod = {"topologySpreadConstraints": [constraint]}
    new = [Placed(node.name, labels) for node in NODES[2:]]
    assert place(NODES, old + new, labels, pod) in {"a1", "a2"}


def test_required_anti_affinity_keeps_pods_apart_and_preferred_where_it_can() -> None:
    term = {"topologyKey": ZONE_LABEL, "labelSelector": SELECTOR}
    required = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    placed = [Placed("a1", LABELS), Placed("b1", LABELS)]
    assert place(NODES, placed, LABELS, {"affinity": required}) == "c1"
    placed.append(Placed("c1", LABELS))
    assert place(NODES, placed, LABELS, {"affinity": required}) is None
    weighted = {"weight": 100, "podAffinityTerm": term}
    preferred = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [weighted]}}
    assert place(NODES, placed, LABELS, {"affinity": preferred}) == "a2"


def test_selectors_of_nodes_are_kept() -> None:
    nodes = [*NODES, Node("big", "a", more_labels={"size": "big"})]
    assert place(nodes, [], LABELS, {"nodeSelector": {"size": "big"}}) == "big"
    expression = {"key": "size", "operator": "Exists"}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    wanted = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    assert place(nodes, [], LABELS, {"affinity": wanted}) == "big"
    assert place(NODES, [], LABELS, {"nodeSelector": {"size": "big"}}) is None
