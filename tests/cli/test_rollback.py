"""`sluicegate rollback`."""

from __future__ import annotations

from sluicegate.cli.exits import Exit
from support.command_line import Administered


def first_revision(gateway: Administered, name: str) -> str:
    items = gateway.said("history", "team", name)["items"]
    return str(items[-1]["revision"])


def test_a_resource_is_what_it_was_also_after_it_was_deleted(gateway: Administered) -> None:
    gateway.lines("team", "set", "blue", "description=old")
    gateway.lines("team", "set", "blue", "description=new")
    revision = first_revision(gateway, "blue")
    assert gateway.lines("rollback", "team", "blue", revision, "--yes") == [
        "~ team blue",
        "    description: new -> old",
    ]
    gateway.lines("team", "delete", "blue")
    assert gateway.lines("rollback", "team", "blue", revision, "--yes")[0] == "+ team blue"
    assert gateway.said("team", "show", "blue")["spec"] == {"description": "old"}
    assert gateway.said("history", "team", "blue")["items"][0]["action"] == "rollback"


def test_what_is_so_already_is_left_alone(gateway: Administered) -> None:
    gateway.lines("team", "set", "same", "description=old")
    revision = first_revision(gateway, "same")
    result = gateway.run("rollback", "team", "same", revision)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "is what it was" in result.stderr


def test_a_dry_run_and_an_unasked_question_change_nothing(gateway: Administered) -> None:
    gateway.lines("team", "set", "dry", "description=old")
    gateway.lines("team", "set", "dry", "description=new")
    revision = first_revision(gateway, "dry")
    assert gateway.said("rollback", "team", "dry", revision, "--dry-run")["changes"]
    assert gateway.run("rollback", "team", "dry", revision).exit_code == Exit.USAGE
    assert gateway.said("team", "show", "dry")["spec"] == {"description": "new"}


def test_a_revision_of_something_else_is_refused(gateway: Administered) -> None:
    gateway.lines("team", "set", "one", "description=x")
    gateway.lines("team", "set", "two", "description=y")
    result = gateway.run("rollback", "team", "two", first_revision(gateway, "one"), "--yes")
    assert result.exit_code == Exit.REFUSED
    assert gateway.run("rollback", "team", "two", "no-revision", "--yes").exit_code == Exit.REFUSED
