from __future__ import annotations

from typing import Any

import pytest

from sluicegate.admin.document import applied
from sluicegate.admin.problems import Invalid
from sluicegate.errors import Fault
from support.admin import Desk

NOWHERE: Any = None


def read(resources: Any, *, prune: bool = False) -> Any:
    return applied(Desk(NOWHERE, NOWHERE), resources, prune=prune)


def test_a_document_becomes_canonical_contents() -> None:
    wish = read({"teams": {"b": {"description": "x"}, "a": {}}, "policies": []})
    assert wish.contents == {
        ("team", "b"): b'{"description":"x"}',
        ("team", "a"): b"{}",
        ("policies", ""): b"[]",
    }
    assert (wish.kinds, wish.prune) == ({"team", "policies"}, False)


@pytest.mark.parametrize(
    ("resources", "paths"),
    [
        ({"team": {}}, ["team"]),
        ({"teams": {"a": {"x": 1}, "b": {"y": 1}}}, ["teams.a.x", "teams.b.y"]),
        ({"teams": {"a b": {}}}, ['teams["a b"]']),
        ({"teams": 3}, ["teams"]),
        ({"secrets": {}, "keys": {}, "tokens": {}}, ["secrets", "keys", "tokens"]),
        ({"consumers": {"a": {"keys": [{"hash": "main:" + "0" * 64}]}}}, ["consumers.a.keys"]),
    ],
)
def test_every_fault_is_told(resources: Any, paths: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        read(resources)
    assert [fault.path for fault in caught.value.faults] == paths


def test_after_a_thousand_faults_the_rest_is_not_looked_at() -> None:
    looked: list[str] = []

    class Looking(Desk):
        def parse_spec(self, kind: str, spec: object, name: str = "") -> bytes | list[Fault]:
            looked.append(name)
            return super().parse_spec(kind, spec, name)

    resources = {"teams": {f"t{number}": {"x": 1} for number in range(3000)}, "planets": {}}
    with pytest.raises(Invalid) as caught:
        applied(Looking(NOWHERE, NOWHERE), resources)
    assert len(looked) == 1001
    assert [fault.path for fault in caught.value.faults[998:]] == [
        "teams.t998.x",
        "teams.t999.x",
        "",
    ]
