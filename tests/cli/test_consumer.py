"""`sluicegate consumer`."""

from __future__ import annotations

from support.command_line import Administered


def test_consumers_are_listed_by_team_and_plan(gateway: Administered) -> None:
    gateway.lines("team", "set", "blue", "description=x")
    gateway.lines("plan", "set", "free", "policies=[{priority: {}}]")
    gateway.lines("consumer", "set", "a", "team=blue", "plan=free")
    gateway.lines("consumer", "set", "b", "plan=free")
    head, first, _ = gateway.lines("consumer", "list")
    assert head.split()[:4] == ["NAME", "PLAN", "TEAM", "DESCRIPTION"]
    assert first.split()[:3] == ["a", "free", "blue"]
    assert [i["name"] for i in gateway.said("consumer", "list", "--team", "blue")["items"]] == ["a"]
    listed = gateway.said("consumer", "list", "--plan", "free", "--prefix", "b")["items"]
    assert [item["name"] for item in listed] == ["b"]
