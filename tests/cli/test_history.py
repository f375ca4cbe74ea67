"""`sluicegate history`."""

from __future__ import annotations

from sluicegate.cli.exits import Exit
from support.command_line import Administered


def test_revisions_are_listed_with_who_made_them(gateway: Administered) -> None:
    gateway.lines("team", "set", "a:b", "description=1st")
    gateway.lines("team", "set", "a:b", "description=2nd")
    gateway.lines("team", "delete", "a:b")
    head, *rows = gateway.lines("history", "team", "a:b")
    assert head.split() == ["AT", "ACTION", "ACTOR", "VIA", "REVISION"]
    assert [row.split()[1] for row in rows] == ["delete", "patch", "replace"]
    assert all(row.split()[2:4] == ["first-token", "127.0.0.1"] for row in rows)


def test_what_it_was_each_time_is_printed_when_asked(gateway: Administered) -> None:
    gateway.lines("team", "set", "full", "description=1st")
    head, spec, _ = gateway.lines("history", "team", "full", "--full")
    assert head.startswith("# ")
    assert spec == "description: 1st"


def test_there_may_be_more(gateway: Administered) -> None:
    for number in (1, 2):
        gateway.lines("team", "set", "more", f"description=x{number}")
    result = gateway.run("history", "team", "more", "--limit", "1")
    assert len(result.stdout.splitlines()) == 2
    assert "there are older ones" in result.stderr
    assert len(gateway.said("history", "team", "more")["items"]) == 2


def test_policies_have_no_name_and_all_else_has_one(gateway: Administered) -> None:
    gateway.run("apply", "-f", "-", "--yes", stdin="policies: [{metrics: {}}]\n")
    assert gateway.lines("history", "policies")[1].split()[1] == "apply"
    assert gateway.run("history", "team").exit_code == Exit.USAGE
    assert gateway.run("history", "teams", "a").exit_code == Exit.USAGE


def test_what_never_was_has_no_history(gateway: Administered) -> None:
    assert gateway.run("history", "team", "never").exit_code == Exit.REFUSED
