from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import hiredis
import pytest

from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.state.redis.breaker import Watch
from sluicegate.state.redis.caller import Caller
from sluicegate.state.redis.calls import CallCounts
from sluicegate.state.redis.commands import call
from sluicegate.state.redis.connection import Connection
from sluicegate.state.redis.resp import Trouble
from sluicegate.state.redis.scripts import Script
from support.loops import run
from support.mock_clock import MockClock

SCRIPT = Script(b"return 1")
BY_DIGEST = call(SCRIPT, [b"a"], [])


class Server:
    """Answers each call with the next of its answers, and keeps what it was sent."""

    def __init__(self, name: str, *answers: object) -> None:
        self.name = name
        self.answers = list(answers)
        self.sent: list[str] = []

    def call(self, command: bytes) -> asyncio.Future[Any]:
        self.sent.append(command.split(b"\r\n")[2].decode())
        future = asyncio.get_running_loop().create_future()
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            answer = hiredis.ReplyError(answer)
        if isinstance(answer, StateAway):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future

    def pair(self, first: bytes, second: bytes) -> asyncio.Future[Any]:
        self.sent.append(first.split(b"\r\n")[2].decode())
        return self.call(second)


class Later(Server):
    """Answers in the next turn of the loop."""

    def call(self, command: bytes) -> asyncio.Future[Any]:
        answer, loop = super().call(command), asyncio.get_running_loop()
        later = loop.create_future()
        loop.call_soon(lambda: later.set_result(answer.result()))
        return later


class Two:
    """Knows where a call may be made again."""

    several = True

    def __init__(self, first: Server, second: Server | None) -> None:
        self.first, self.second = first, second
        self.told: list[str] = []

    def node_for(self, key: bytes) -> Connection:
        del key
        return cast("Connection", self.first)

    def failed(self, connection: Connection, trouble: Trouble) -> Connection | None:
        del connection
        self.told.append(trouble.word)
        return cast("Connection | None", self.second)

    async def start(self) -> None: ...

    def close(self) -> None: ...


def outcome(nodes: Two, check: Callable[[CallCounts], None] = lambda _: None) -> object:
    async def body() -> object:
        metrics = Metrics()
        counts = CallCounts(MockClock(), metrics, Watch(metrics))
        try:
            return await Caller(nodes, counts).call(b"a", BY_DIGEST, SCRIPT)
        finally:
            check(counts)

    return run(body())


def test_a_script_that_the_server_has_lost_is_brought() -> None:
    server = Server("a", "NOSCRIPT No matching script.", 7)
    assert outcome(Two(server, None)) == 7
    assert server.sent == ["EVALSHA", "EVAL"]


def test_a_script_that_many_calls_miss_is_brought_once() -> None:
    async def body() -> None:
        metrics = Metrics()
        counts = CallCounts(MockClock(), metrics, Watch(metrics))
        lost = "NOSCRIPT No matching script."
        server = Later("a", lost, lost, lost, 1, 2, 3, lost, 4)
        caller = Caller(Two(server, None), counts)
        calls = [caller.call(b"a", BY_DIGEST, SCRIPT) for _ in range(3)]
        assert await asyncio.gather(*calls) == [1, 2, 3]
        assert server.sent == ["EVALSHA"] * 3 + ["EVAL", "EVALSHA", "EVALSHA"]
        assert await caller.call(b"a", BY_DIGEST, SCRIPT) == 4
        assert server.sent[6:] == ["EVALSHA", "EVAL"]
        assert caller.brought == 2

    run(body())


def test_a_call_for_a_slot_that_moved_is_made_once_more_where_it_is_now() -> None:
    first, second = Server("a", "MOVED 1 b:1"), Server("b", "NOSCRIPT No matching script.", 7)
    assert outcome(Two(first, second)) == 7
    assert second.sent == ["EVALSHA", "EVAL"]


def test_a_call_for_a_slot_that_is_moving_is_asked_for() -> None:
    first, second = Server("a", "ASK 1 b:1"), Server("b", "NOSCRIPT No matching script.", 7)
    assert outcome(Two(first, second)) == 7
    assert second.sent == ["ASKING", "EVALSHA", "ASKING", "EVAL"]


@pytest.mark.parametrize("text", ["OOM command not allowed", "READONLY", "ERR what", "LOADING"])
def test_any_other_error_is_the_end_of_the_call(text: str) -> None:
    server = Server("a", text)
    nodes = Two(server, None)
    with pytest.raises(StateAway, match="answered"):
        outcome(nodes)
    assert server.sent == ["EVALSHA"]
    assert nodes.told == [text.split(maxsplit=1)[0]]


def test_redirections_end() -> None:
    server = Server("a", *["MOVED 1 a:1"] * 10)
    with pytest.raises(StateAway, match="MOVED"):
        outcome(Two(server, server))
    assert len(server.answers) == 6


def test_a_call_that_was_not_answered_is_never_made_again() -> None:
    def check(counts: CallCounts) -> None:
        assert (counts.ok, counts.late, counts.away) == (0, 1, 0)

    server = Server("a", StateAway("no answer in time"), 7)
    with pytest.raises(StateAway):
        outcome(Two(server, server), check)
    assert server.sent == ["EVALSHA"]


def test_a_server_refuses_until_a_call_is_done_that_had_something_to_do() -> None:
    async def body() -> None:
        metrics = Metrics()
        counts = CallCounts(MockClock(), metrics, Watch(metrics))
        server = Server("a", "OOM command not allowed", 0, 7, "OOM", "NOSCRIPT No script.", 7)
        caller = Caller(Two(server, None), counts)
        with pytest.raises(StateAway, match="OOM"):
            await caller.call(b"a", BY_DIGEST, SCRIPT)
        await caller.call(b"a", BY_DIGEST, SCRIPT, tells=False)
        assert counts.refusing
        await caller.call(b"a", BY_DIGEST, SCRIPT)
        assert not counts.refusing
        with pytest.raises(StateAway, match="OOM"):
            await caller.call(b"a", BY_DIGEST, SCRIPT, tells=False)
        assert counts.refusing
        await caller.call(b"a", BY_DIGEST, SCRIPT)
        assert not counts.refusing

    run(body())
