"""`sluicegate key`, but `offline`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sluicegate.cli.exits import Exit
from support.command_line import Administered


@pytest.fixture
def acme(gateway: Administered) -> str:
    gateway.lines("consumer", "set", "acme", "description=x")
    return "acme"


def test_a_key_is_shown_once_and_never_again(gateway: Administered, acme: str) -> None:
    result = gateway.run("key", "create", "--consumer", acme, "--scope", "a:read")
    found = re.fullmatch(r"name:  (sg_local_\w{8})\nkey:   (sg_local_\w{57})\n", result.stdout)
    assert found is not None
    name, key = found.groups()
    assert key.startswith(name)
    shown = gateway.run("key", "show", name).stdout + gateway.run("key", "list", "--json").stdout
    shown += gateway.run("history", "key", name, "--full").stdout
    assert name in shown
    assert "scopes: a:read" in shown
    assert key[len(name) :] not in shown
    assert "hash" not in shown


def test_a_key_has_the_rights_that_it_is_given(gateway: Administered, acme: str) -> None:
    made = gateway.said(
        "key", "create", "--consumer", acme, "--description", "of a job", "--route", "orders/*",
        "--route", "x", "--method", "GET", "--ip-range", "10.0.0.0/8",
        "--model", "gpt-*",
        "--expires", "2100-01-31T02:00:00+02:00",
    )  # fmt: skip
    assert made["spec"] == {
        "consumer": acme, "description": "of a job", "routes": ["orders/*", "x"],
        "methods": ["GET"], "ip_ranges": ["10.0.0.0/8"], "expires": "2100-01-31T00:00:00Z",
        "models": ["gpt-*"],
    }  # fmt: skip


def test_a_key_may_go_to_a_file_instead(gateway: Administered, acme: str, tmp_path: Path) -> None:
    file = tmp_path / "acme.key"
    made = gateway.said("key", "create", "--consumer", acme, "--key-file", file)
    assert made["key"] is None
    assert file.read_text().startswith(made["name"])


def test_where_the_file_cannot_be_made_there_is_no_key(
    gateway: Administered, acme: str, tmp_path: Path
) -> None:
    before = gateway.names("key")
    gone = tmp_path / "gone" / "k"
    refused = gateway.run("key", "create", "--consumer", acme, "--key-file", gone)
    assert (refused.exit_code, "nothing was made" in refused.stderr) == (Exit.REFUSED, True)
    nobody = gateway.run("key", "create", "--consumer", "no", "--key-file", tmp_path / "k")
    assert nobody.exit_code == Exit.REFUSED
    assert gateway.names("key") == before
    assert not (tmp_path / "k").exists()


def test_keys_are_found_by_their_consumer(gateway: Administered, acme: str) -> None:
    gateway.lines("consumer", "set", "other", "description=x")
    name = gateway.said("key", "create", "--consumer", "other")["name"]
    head, row = gateway.lines("key", "list", "--consumer", "other")
    assert head.split()[:4] == ["NAME", "CONSUMER", "EXPIRES", "LAST_USED"]
    assert row.split()[:2] == [name, "other"]
    assert acme not in row


def test_a_rotated_key_is_good_beside_the_new_one(gateway: Administered, acme: str) -> None:
    old = gateway.said("key", "create", "--consumer", acme, "--scope", "a")["name"]
    result = gateway.run("key", "rotate", old, "--overlap", "1h")
    assert result.exit_code == 0
    assert f"{old} is good for another 1h" in result.stderr
    new = result.stdout.splitlines()[0].split()[1]
    assert gateway.said("key", "show", new)["spec"]["scopes"] == ["a"]
    assert gateway.said("key", "show", old)["spec"]["expires"]


def test_revoking_asks_and_is_final(gateway: Administered, acme: str) -> None:
    name = gateway.said("key", "create", "--consumer", acme)["name"]
    assert gateway.run("key", "revoke", name).exit_code == Exit.USAGE
    assert gateway.said("key", "revoke", name, "--yes") == {"revoked": name}
    assert gateway.run("key", "show", name).exit_code == Exit.REFUSED


def test_nobody_unknown_gets_a_key(gateway: Administered) -> None:
    result = gateway.run("key", "create", "--consumer", "nobody")
    assert result.exit_code == Exit.REFUSED
    assert "there is no consumer `nobody`" in result.stderr
    assert gateway.run("key", "create").exit_code == Exit.USAGE
