"""`sluicegate archive`."""

from __future__ import annotations

from sluicegate.clock import Clock
from sluicegate.process.archive_moving import sealed
from support.archived import archived
from support.command_line import Administered


def keep(gateway: Administered, *ids: str) -> None:
    async def work() -> None:
        desk = gateway.asking.desk
        now_us = Clock().wall_us()
        life = {"at_us": now_us, "until_us": now_us + 10**10, "answer": '{"a":"\\u001b[2J"}'}
        rows = [await sealed(desk.vault, archived(id_, **life)) for id_ in ids]
        await desk.store.archive.add(rows)

    gateway.call(work())


def test_calls_are_listed_and_shown(gateway: Administered) -> None:
    keep(gateway, "call-1", "call-2")
    head, *rows = gateway.lines("archive", "list", "--consumer", "ann")
    assert head.split()[:4] == ["ID", "AT", "CONSUMER", "ROUTE"]
    assert {row.split()[0] for row in rows} >= {"call-1", "call-2"}
    assert gateway.said("archive", "list", "--limit", "1")["items"][0]["id"] == "call-2"
    lines = gateway.lines("archive", "show", "call-1")
    assert "id: call-1" in lines
    assert '  "messages": "what?"' in lines
    assert gateway.said("archive", "show", "call-1")["request"] == {"messages": "what?"}


def test_what_a_terminal_would_obey_is_written_out(gateway: Administered) -> None:
    keep(gateway, "call-3")
    assert "\x1b" not in gateway.run("archive", "show", "call-3").stdout


def test_a_call_that_is_not_there_is_said_to_be_missing(gateway: Administered) -> None:
    result = gateway.run("archive", "show", "nothing")
    assert result.exit_code != 0
    assert "nothing" in result.stderr
