from __future__ import annotations

from sluicegate.model.plan import Plan
from sluicegate.model.units import convert


def test_a_plan_is_a_bundle_of_policies() -> None:
    assert convert({}, Plan).policies == []
    assert convert({"policies": [{"cors": {}}]}, Plan).policies == [{"cors": {}}]
