"""Connections for what no request waits for."""

from __future__ import annotations

from sluicegate.clock import Clock
from sluicegate.settings import State
from sluicegate.state.redis.commands import tag_of
from sluicegate.state.redis.patient import open_patient
from sluicegate.state.redis.resp import command
from sluicegate.state.redis.scripts import script
from support.loops import run
from support.valkey import Valkey


def test_a_call_is_answered_by_the_server_of_the_state_under_a_name_of_its_own(
    valkey: Valkey,
) -> None:
    async def scene() -> None:
        nodes, caller = open_patient(State(url=valkey.url), Clock(), "sluicegate-test")
        await nodes.start()
        used = script("marks")
        assert await caller.call(tag_of("x"), command("ECHO", "there"), used) == b"there"
        named = await caller.call(tag_of("x"), command("CLIENT", "GETNAME"), used)
        assert named == b"sluicegate-test"
        nodes.close()

    run(scene())
