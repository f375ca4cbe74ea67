from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.state.redis.connection import Connection
from sluicegate.state.redis.eviction import Eviction
from support.loops import run


class Server:
    """Answers INFO."""

    def __init__(self, answer: object, name: str = "server") -> None:
        self.name = name
        self._answer = answer

    def call(self, command: bytes) -> asyncio.Future[Any]:
        assert b"INFO" in command
        future = asyncio.get_running_loop().create_future()
        if isinstance(self._answer, StateAway):
            future.set_exception(self._answer)
        else:
            future.set_result(self._answer)
        return future


def asked(*servers: Server) -> tuple[float, list[str]]:
    """Return the gauge, and the servers that were warned of."""
    metrics = Metrics()

    async def body() -> None:
        eviction = Eviction(metrics)
        for server in servers:
            eviction.ask(cast("Connection", server))
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    with capture_logs() as lines:
        run(body())
    gauge = metrics.families["sluicegate_state_evicts"].cell().value
    return gauge, [line["server"] for line in lines]


def info(policy: str) -> bytes:
    return f"# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:{policy}\r\nx:1\r\n".encode()


def test_a_server_that_evicts_is_warned_of_once() -> None:
    assert asked(Server(info("allkeys-lru")), Server(info("allkeys-lru"))) == (1, ["server"])


def test_a_server_that_evicts_no_more_is_forgiven() -> None:
    assert asked(Server(info("volatile-ttl")), Server(info("noeviction")))[0] == 0


def test_one_of_several_is_enough() -> None:
    assert asked(Server(info("noeviction"), "a"), Server(info("allkeys-lfu"), "b")) == (1, ["b"])


@pytest.mark.parametrize("answer", [StateAway("late"), ValueError("NOPERM"), b"# Memory\r\n"])
def test_what_is_not_told_is_unknown(answer: object) -> None:
    assert asked(Server(answer)) == (0, [])
