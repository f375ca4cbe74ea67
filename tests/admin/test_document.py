from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.admin.document import applied
from sluicegate.admin.problems import Invalid
from support.admin import Desk

NOWHERE: Any = None


def read(body: bytes) -> Any:
    return applied(Desk(NOWHERE, NOWHERE), body)


def test_a_document_becomes_canonical_contents() -> None:
    body = b'{"resources": {"teams": {"b": {"description": "x"}, "a": {}}, "policies": []}}'
    wish = read(body)
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
        read(msgspec.json.encode({"resources": resources}))
    assert [fault.path for fault in caught.value.faults] == paths


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"resources": []}', b"[" * 100_000])
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        read(body)
