"""`sluicegate audit`."""

from __future__ import annotations

from support.command_line import Administered


def test_changes_of_everything_are_listed_newest_first(gateway: Administered) -> None:
    gateway.lines("team", "set", "blue", "description=x")
    gateway.lines("consumer", "set", "acme", "team=blue")
    head, newest, before = gateway.lines("audit", "--limit", "2")
    assert head.split()[:6] == ["AT", "ACTOR", "VIA", "ACTION", "KIND", "NAME"]
    assert newest.split()[3:6] == ["replace", "consumer", "acme"]
    assert before.split()[3:6] == ["replace", "team", "blue"]


def test_only_a_kind_or_an_actor_may_be_asked_for(gateway: Administered) -> None:
    gateway.lines("team", "set", "red", "description=x")
    gateway.lines("consumer", "set", "only", "description=x")
    items = gateway.said("audit", "--kind", "team")["items"]
    assert {item["kind"] for item in items} == {"team"}
    assert gateway.said("audit", "--actor", "somebody")["items"] == []
    assert "older ones" in gateway.run("audit", "--limit", "1").stderr
