"""The store counts, watches, and refuses what an API server refuses."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.objects import (
    KEPT_EVENTS,
    Gone,
    Objects,
    Refused,
    digest,
    quantity,
    scaled,
    selects,
)


def config(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def workload(kind: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "w"}, "spec": spec}


def test_each_change_has_a_number_of_its_own_and_an_apply_without_one_has_none() -> None:
    objects = Objects()
    first = objects.apply(config(a="1"))
    assert first["metadata"]["namespace"] == "default"
    assert objects.apply(config(a="1")) is first
    second = objects.apply(config(a="2"))
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    assert second["metadata"]["uid"] == first["metadata"]["uid"]


def test_a_watch_tells_what_came_since_a_version() -> None:
    objects = Objects()
    objects.apply(config(a="1"))
    since = objects.version
    objects.apply(config(a="2"))
    with objects.watched("ConfigMap", since=since) as watch:
        objects.delete("ConfigMap", "c")
        objects.apply(workload("Deployment"))
        found = [watch.queue.get_nowait() for _ in range(watch.queue.qsize())]
    assert [(each.what, each.manifest["data"]["a"]) for each in found] == [
        ("MODIFIED", "2"),
        ("DELETED", "2"),
    ]


def test_a_watch_from_too_long_ago_is_gone() -> None:
    objects = Objects()
    for number in range(KEPT_EVENTS + 5):
        objects.apply(config(a=str(number)))
    with pytest.raises(Gone), objects.watched("ConfigMap", since=1):
        pass


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        (
            workload("Deployment", selector={"a": 1}),
            workload("Deployment", selector={}),
            "selector",
        ),
        (
            workload("StatefulSet", serviceName="a", replicas=1),
            workload("StatefulSet", serviceName="b", replicas=2),
            "serviceName",
        ),
        (
            workload("StatefulSet", volumeClaimTemplates=[]),
            workload("StatefulSet", volumeClaimTemplates=[{}]),
            "volumeClaimTemplates",
        ),
        (workload("Job", template={}), workload("Job", template={"a": 1}), "template"),
        (workload("Service", clusterIP="a"), workload("Service", clusterIP="b"), "clusterIP"),
    ],
)
def test_fields_that_an_api_server_keeps_are_refused(
    before: dict[str, Any], after: dict[str, Any], field: str
) -> None:
    objects = Objects()
    objects.apply(before)
    with pytest.raises(Refused, match=rf"{before['kind']} w: spec\.{field} cannot be changed"):
        objects.apply(after)


def test_an_immutable_secret_stays() -> None:
    objects = Objects()
    objects.apply({**config(a="1"), "immutable": True})
    with pytest.raises(Refused, match="immutable"):
        objects.apply({**config(a="2"), "immutable": True})


def test_what_the_server_has_filled_in_stays_where_an_update_does_not_name_it() -> None:
    objects = Objects()
    objects.apply(workload("Deployment", replicas=7, template={}))
    after = objects.apply(workload("Deployment", template={"a": 1}))
    assert (after["spec"]["replicas"], after["metadata"]["generation"]) == (7, 2)


def test_a_status_changes_no_generation() -> None:
    objects = Objects()
    objects.apply(workload("Deployment", replicas=1))
    after = objects.update("Deployment", "w", status={"replicas": 1})
    assert after["metadata"]["generation"] == 1


def test_names_are_taken_once() -> None:
    objects = Objects()
    objects.create(config())
    with pytest.raises(Refused, match="ConfigMap c already exists"):
        objects.create(config())


def test_selectors_of_labels() -> None:
    given = {"app": "a", "tier": "front"}
    assert selects({"matchLabels": {"app": "a"}}, given)
    assert not selects({"matchLabels": {"app": "b"}}, given)
    assert selects({"matchExpressions": [expression("tier", "In", "front", "back")]}, given)
    assert not selects({"matchExpressions": [expression("tier", "NotIn", "front")]}, given)
    assert selects({"matchExpressions": [expression("zone", "DoesNotExist")]}, given)
    with pytest.raises(ValueError, match="no operator Near"):
        selects({"matchExpressions": [expression("zone", "Near")]}, given)


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


def test_quantities_and_percentages() -> None:
    assert [quantity(each) * 1000 for each in ("250m", 2, "1.5")] == [250, 2000, 1500]
    assert quantity("128Mi") == 128 * 2**20
    assert (scaled("25%", 10, up=True), scaled("25%", 10, up=False), scaled(3, 10, up=True)) == (
        3,
        2,
        3,
    )
    with pytest.raises(ValueError, match="no quantity"):
        quantity("1 GB")


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
