from __future__ import annotations

import pytest

from sluicegate.admin.roles import KINDS, ROLES, allows

PLAIN = KINDS - {"token", "secret"}


@pytest.mark.parametrize("kind", sorted(PLAIN))
def test_every_role_reads_and_operators_and_admins_change(kind: str) -> None:
    assert [allows(role, None, "read", kind) for role in ROLES] == [True, True, True]
    assert [allows(role, None, "write", kind) for role in ROLES] == [False, True, True]


@pytest.mark.parametrize("kind", ["token", "secret"])
@pytest.mark.parametrize("verb", ["read", "write"])
def test_tokens_and_secrets_are_for_admins(kind: str, verb: str) -> None:
    assert [allows(role, None, verb, kind) for role in ROLES] == [False, False, True]  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", sorted(KINDS | {"audit", "replicas"}))
def test_a_token_of_a_team_is_good_for_consumers_and_keys_only(role: str, kind: str) -> None:
    mine = kind in {"consumer", "key"}
    assert allows(role, "red", "read", kind) == mine  # type: ignore[arg-type]
    assert allows(role, "red", "write", kind) == (mine and role != "viewer")  # type: ignore[arg-type]


@pytest.mark.parametrize("team", [None, "red"])
@pytest.mark.parametrize("kind", ["usage", "budgets"])
def test_everybody_is_shown_usage_and_budgets(kind: str, team: str | None) -> None:
    assert all(allows(role, team, "read", kind) for role in ROLES)
    assert not any(allows(role, team, "write", kind) for role in ROLES)


def test_admins_put_budgets_right() -> None:
    allowed = [allows(role, None, "write", "reconciliation") for role in ROLES]
    assert allowed == [False, False, True]
    assert all(allows(role, None, "read", "reconciliation") for role in ROLES)
    assert not allows("admin", "red", "read", "reconciliation")


def test_nobody_changes_what_is_only_shown() -> None:
    assert allows("viewer", None, "read", "audit")
    assert not allows("admin", None, "write", "audit")
