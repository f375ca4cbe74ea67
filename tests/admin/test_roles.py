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


def test_nobody_changes_what_is_only_shown() -> None:
    assert allows("viewer", None, "read", "audit")
    assert not allows("admin", None, "write", "audit")
