from __future__ import annotations

from collections.abc import Awaitable, Callable

import hiredis
import pytest

from sluicegate.clock import Clock
from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.settings import State
from sluicegate.state.redis.address import Endpoint
from sluicegate.state.redis.breaker import Watch
from sluicegate.state.redis.calls import CallCounts
from sluicegate.state.redis.dial import Dial
from sluicegate.state.redis.inquiry import Inquiry
from sluicegate.state.redis.resp import command
from support.loops import run
from support.ports import free_port
from support.valkey import Valkey

PING = command("PING")


def play(story: Callable[[Inquiry], Awaitable[None]]) -> None:
    async def whole() -> None:
        clock, metrics = Clock(), Metrics()
        seconds = CallCounts(clock, metrics, Watch(metrics)).seconds
        patient = Duration(10)  # the machine is shared
        settings = State(timeout=patient, connect_timeout=patient)
        inquiry = Inquiry(Dial(settings, clock, seconds, tls=False), 10)
        try:
            await story(inquiry)
        finally:
            inquiry.close()

    run(whole())


def connections(server: Valkey) -> int:
    """How many of ours the server has."""
    with server.client() as client:
        return sum(each["name"] == "sluicegate" for each in client.client_list())


def test_a_server_is_asked_again_over_the_same_connection(valkey: Valkey) -> None:
    at = Endpoint("", 0, valkey.socket)

    async def story(inquiry: Inquiry) -> None:
        assert await inquiry.ask(at, PING, command("ECHO", "hi")) == [b"PONG", b"hi"]
        assert await inquiry.ask(at, PING) == [b"PONG"]
        assert connections(valkey) == 1

    play(story)


def test_an_error_is_an_answer(valkey: Valkey) -> None:
    async def story(inquiry: Inquiry) -> None:
        answers = await inquiry.ask(Endpoint("", 0, valkey.socket), command("NOPE"), PING)
        assert isinstance(answers[0], hiredis.ReplyError)
        assert answers[1] == b"PONG"

    play(story)


def test_who_is_not_there_is_away() -> None:
    async def story(inquiry: Inquiry) -> None:
        with pytest.raises(StateAway):
            await inquiry.ask(Endpoint("127.0.0.1", free_port()), PING)

    play(story)


def test_what_comes_unasked_ends_the_connection_and_is_told(valkey: Valkey) -> None:
    at = Endpoint("", 0, valkey.socket)

    async def story(inquiry: Inquiry) -> None:
        told: list[str] = []
        inquiry.on_end = lambda: told.append("ended")
        await inquiry.ask(at, command("SUBSCRIBE", "news"))
        valkey.client().publish("news", "something has changed")
        clock = Clock()
        while not told:
            await clock.sleep(0.001)
        assert await inquiry.ask(at, PING) == [b"PONG"]
        assert told == ["ended"]

    play(story)
