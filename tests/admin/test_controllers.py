from __future__ import annotations

from typing import Any

from litestar.openapi.spec import PathItem

from sluicegate.admin.app import ROOT, Frame, build
from sluicegate.admin.controllers import controllers
from sluicegate.metrics import Metrics
from support.admin import Desk
from support.mock_clock import MockClock

NAMED = ["services", "providers", "models", "routes", "plans", "teams", "consumers"]


def paths() -> dict[str, PathItem]:
    """Return what the application's description says of them, without `/admin/v1`."""
    nowhere: Any = None
    frame = Frame(MockClock(), Metrics(), None, plain=False)
    schema = build(Desk(nowhere, nowhere), controllers(), frame).litestar.openapi_schema
    return {path.removeprefix(ROOT): item for path, item in (schema.paths or {}).items()}


def test_every_kind_of_resource_has_its_paths_and_every_operation_a_name_of_its_own() -> None:
    expected = {"/apply", "/export", "/secret-rotation", "/keys/{name}/rotate"}
    expected |= {"/usage", "/usage/entries", "/budgets", "/budgets/reconciliation"}
    expected |= {"/secrets", "/secrets/{name}", "/secrets/{name}/history"}
    expected |= {f"/policies{more}" for more in ("", "/history", "/diff", "/rollback")}
    for plural in (*NAMED, "keys"):
        of_one = ("", "/history", "/diff", "/rollback")
        expected |= {f"/{plural}"} | {f"/{plural}/{{name}}{more}" for more in of_one}
    found = paths()
    assert expected <= found.keys()
    operations = [
        operation.operation_id
        for item in found.values()
        for operation in (item.get, item.put, item.post, item.patch, item.delete)
        if operation is not None
    ]
    assert len(operations) == len(set(operations))


def test_keys_are_never_replaced_and_secrets_never_patched() -> None:
    found = paths()
    assert found["/keys/{name}"].put is None
    assert found["/secrets/{name}"].patch is None
    assert "/secrets/{name}/rollback" not in found
