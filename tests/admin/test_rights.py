from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.admin.rights import refuse_more
from sluicegate.errors import FORBIDDEN, Refused

GIVEN: dict[str, Any] = {
    "consumer": "acme",
    "scopes": ["orders:read"],
    "routes": ["orders-*", "users"],
    "models": ["gpt-*"],
    "methods": ["GET"],
    "ip_ranges": ["10.0.0.0/8", "2001:db8::/32"],
    "expires": "2027-01-31T00:00:00Z",
}


def refused(kind: str, before: dict[str, Any] | None, after: dict[str, Any]) -> str | None:
    """Return what is said of it; None where it is allowed."""
    raw = None if before is None else msgspec.json.encode(before)
    try:
        refuse_more(kind, raw, msgspec.json.encode(after))
    except Refused as error:
        return error.detail if error.problem is FORBIDDEN else str(error.problem)
    return None


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("key", "plan", "gold"),
        ("key", "scopes", ["a"]),
        ("consumer", "plan", "gold"),
        ("consumer", "limits", {"api": ["1/second"]}),
    ],
)
def test_a_team_chooses_no_plan_no_limits_and_no_scopes(kind: str, field: str, value: Any) -> None:
    given = {field: value}
    for before, after in (({}, given), (given, {}), (None, given)):
        detail = refused(kind, before, after)
        assert detail == f"a token of a team may not choose `{field}` of a {kind}"
    assert refused(kind, given, {**given, "description": "x"}) is None
    assert refused(kind, None, {field: None}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"routes": []},
        {"models": []},
        {"models": ["gpt-*", "claude"]},
        {"routes": None},
        {"routes": ["*"]},
        {"routes": ["orders-1", "user"]},
        {"routes": ["order*"]},
        {"routes": ["*orders-*"]},
        {"methods": []},
        {"methods": ["GET", "POST"]},
        {"ip_ranges": []},
        {"ip_ranges": ["10.0.0.0/7"]},
        {"ip_ranges": ["10.1.0.0/16", "11.0.0.1"]},
        {"ip_ranges": ["::/0"]},
        {"expires": None},
        {"expires": "2027-01-31T00:00:01Z"},
        {"expires": "2027-01-31T00:00:00-01:00"},
    ],
)
def test_what_bounds_a_key_with_rights_is_not_widened(change: dict[str, Any]) -> None:
    [field] = change
    after = {**GIVEN, **change}
    expected = f"the key was given a plan or scopes: a token of a team may not widen `{field}`"
    assert refused("key", GIVEN, after) == expected
    of_a_plan = {name: value for name, value in GIVEN.items() if name != "scopes"} | {"plan": "p"}
    assert refused("key", of_a_plan, {**of_a_plan, **change}) == expected
    without = {name: value for name, value in GIVEN.items() if name != "scopes"}
    assert refused("key", without, {**without, **change}) is None
    open_ = {"scopes": ["a"]}
    assert refused("key", open_, open_ | GIVEN | open_) is None


@pytest.mark.parametrize(
    "change",
    [
        {"routes": ["orders-*"]},
        {"routes": ["users", "orders-1", "orders-eu-*", "orders-*"]},
        {"methods": ["HEAD"]},
        {"methods": ["GET", "HEAD"]},
        {"ip_ranges": ["10.1.0.0/16", "10.0.0.1", "::ffff:10.0.0.0/104", "2001:db8::1"]},
        {"expires": "2027-01-30T23:59:59Z"},
        {"expires": "2027-01-31T01:00:00+01:00"},
        {"description": "x"},
    ],
)
def test_what_bounds_a_key_may_be_narrowed(change: dict[str, Any]) -> None:
    assert refused("key", GIVEN, {**GIVEN, **change}) is None


def test_what_ends_with_a_part_of_a_name_is_narrowed_too() -> None:
    given = {"plan": "p", "routes": ["*-api"]}
    assert refused("key", given, {**given, "routes": ["*-orders-api", "x-api"]}) is None
    assert refused("key", given, {**given, "routes": ["orders-api*"]}) is not None
    anything = {"plan": "p", "routes": ["*"]}
    assert refused("key", anything, given) is None


def test_other_kinds_have_no_rights() -> None:
    assert refused("route", {}, {"plan": "gold", "scopes": ["a"]}) is None
