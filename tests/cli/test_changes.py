"""How changes are shown."""

from __future__ import annotations

from typing import Any

from click import unstyle

from sluicegate.cli.changes import shown, summary


def change(action: str, *diff: tuple[str, Any, Any], name: str = "a") -> dict[str, Any]:
    differences = [{"path": path, "before": old, "after": new} for path, old, new in diff]
    return {"kind": "route", "name": name, "action": action, "diff": differences}


def lines(*changes: dict[str, Any]) -> list[str]:
    return [unstyle(line) for line in shown(changes)]


def test_signs_tell_what_is_made_changed_and_deleted() -> None:
    told = lines(
        change("create", ("", None, {"service": "a"})),
        change("update", ("service", "a", "b"), ("policies[0]", None, "x y"), ("match", {}, None)),
        change("delete", ("", {"service": "a"}, None)),
    )
    assert told == [
        "+ route a",
        '    {"service": "a"}',
        "~ route a",
        "    service: a -> b",
        '    policies[0]: "x y"',
        "    match: {} is taken out",
        "- route a",
    ]


def test_changes_are_counted() -> None:
    changes = [change("create"), change("update"), change("update"), change("delete")]
    assert summary(changes) == "1 to create, 2 to change, 1 to delete"
    assert summary(changes, done=True) == "1 created, 2 changed, 1 deleted"


def test_what_is_long_or_would_be_obeyed_by_a_terminal_is_not_printed_as_it_is() -> None:
    told = lines(change("update", ("a\x1b[2J", "x" * 5000, "\u202e"), name="b\x07"))
    assert all(line.isprintable() for line in told)
    assert max(map(len, told)) < 300


def test_what_there_is_one_of_is_told_without_a_name() -> None:
    assert lines({"kind": "policies", "name": "", "action": "create", "diff": []}) == ["+ policies"]
