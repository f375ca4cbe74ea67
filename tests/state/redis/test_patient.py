"""Connections for what no request waits for."""

from __future__ import annotations

from sluicegate.clock import Clock
from sluicegate.model.units import Duration
from sluicegate.state.redis.commands import tag_of
from sluicegate.state.redis.patient import open_patient
from sluicegate.state.redis.resp import command
from sluicegate.state.redis.scripts import script
from support.loops import run
from support.state_scenes import patient
from support.valkey import Valkey


def test_a_call_is_answered_by_the_server_of_the_state_under_a_name_of_its_own(
    valkey: Valkey,
) -> None:
    async def scene() -> None:
        nodes, caller = open_patient(patient(valkey.url), Clock(), "sluicegate-test")
        await nodes.start()
        used = script("marks")
        assert await caller.call(tag_of("x"), command("ECHO", "there"), used) == b"there"
        named = await caller.call(tag_of("x"), command("CLIENT", "GETNAME"), used)
        assert named == b"sluicegate-test"
        nodes.close()

    run(scene())


def test_a_call_has_a_second_and_more_where_the_state_has_more(valkey: Valkey) -> None:
    async def within_s(timeout_s: float) -> float:
        settings = patient(valkey.url, timeout=Duration(timeout_s))
        nodes, _ = open_patient(settings, Clock(), "sluicegate-test")
        await nodes.start()
        within_s = nodes.node_for(b"x")._timeout_s
        nodes.close()
        return within_s

    assert run(within_s(0.025)) == 1
    assert run(within_s(10)) == 10
