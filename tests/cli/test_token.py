"""`sluicegate token`."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.cli.exits import Exit
from support.command_line import Administered


@pytest.fixture
def viewer(gateway: Administered, tmp_path: Path) -> Path:
    file = tmp_path / "viewer.token"
    made = gateway.said("token", "create", "--role", "viewer", "--key-file", file)
    assert made["token"] is None
    return file


def test_a_token_is_shown_once(gateway: Administered) -> None:
    result = gateway.run("token", "create", "--role", "operator", "--description", "ana")
    name, token = (line.split()[1] for line in result.stdout.splitlines())
    assert token.startswith(name)
    listed = gateway.lines("token", "list")
    assert next(row for row in listed if name in row).split()[1] == "operator"
    assert token[len(name) :] not in "".join(listed)


def test_a_token_does_what_its_role_may(gateway: Administered, viewer: Path) -> None:
    assert gateway.run("team", "list", "--token-file", viewer).exit_code == 0
    refused = gateway.run("team", "set", "a", "description=x", "--token-file", viewer)
    assert refused.exit_code == Exit.NOT_ALLOWED
    assert gateway.run("token", "list", "--token-file", viewer).exit_code == Exit.NOT_ALLOWED


def test_a_revoked_token_is_good_for_nothing(gateway: Administered, viewer: Path) -> None:
    name = viewer.read_text()[: len("sga_local_") + 8]
    assert gateway.run("token", "revoke", name).exit_code == Exit.USAGE
    assert gateway.said("token", "revoke", name, "--yes") == {"revoked": name}
    assert gateway.run("team", "list", "--token-file", viewer).exit_code == Exit.NOT_ALLOWED


def test_who_has_no_valid_token_is_not_allowed(gateway: Administered, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("sga_local_wrong")
    result = gateway.run("team", "list", "--token-file", tmp_path / "wrong")
    assert result.exit_code == Exit.NOT_ALLOWED
    assert "sga_local_wrong" not in result.output


def test_where_the_file_cannot_be_made_there_is_no_token(
    gateway: Administered, tmp_path: Path
) -> None:
    before = gateway.lines("token", "list")
    refused = gateway.run("token", "create", "--role", "admin", "--key-file", tmp_path / "no" / "t")
    assert (refused.exit_code, "nothing was made" in refused.stderr) == (Exit.REFUSED, True)
    assert gateway.lines("token", "list") == before


def test_a_role_is_one_of_three(gateway: Administered) -> None:
    assert gateway.run("token", "create", "--role", "owner").exit_code == Exit.USAGE
    assert gateway.run("token", "create").exit_code == Exit.USAGE
