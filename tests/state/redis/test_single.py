from __future__ import annotations

import asyncio
from pathlib import Path

import hiredis
import pytest

from sluicegate.clock import Clock
from sluicegate.errors import StateAway
from sluicegate.metrics import HistogramCell, Metrics
from sluicegate.model.units import Duration
from sluicegate.settings import State
from sluicegate.state.redis.address import parse_address
from sluicegate.state.redis.breaker import Breaker, Watch
from sluicegate.state.redis.dial import Dial
from sluicegate.state.redis.resp import Trouble, command
from sluicegate.state.redis.single import Single
from support.loops import run
from support.ports import free_port
from support.valkey import Valkey

EACH_TURN_S = 0.001


def single(server: Valkey) -> Single:
    settings = State(url=server.url, timeout=Duration(10), connect_timeout=Duration(10))
    dial = Dial(settings, Clock(), HistogramCell((1.0,)), tls=False)
    endpoint = parse_address(server.url).endpoints[0]
    return Single(Breaker(endpoint, dial, Clock(), Watch(Metrics())))


def test_one_connection_serves_every_key(valkey: Valkey) -> None:
    async def body() -> None:
        nodes = single(valkey)
        with pytest.raises(StateAway, match="not connected yet"):
            nodes.node_for(b"a")
        await nodes.start()
        assert not nodes.several
        assert nodes.node_for(b"a") is nodes.node_for(b"b")
        nodes.close()

    run(body())


def test_an_error_about_the_call_leaves_the_server_in_use(valkey: Valkey) -> None:
    async def body() -> None:
        nodes = single(valkey)
        await nodes.start()
        connection = nodes.node_for(b"a")
        for word in ("OOM", "ERR", "MOVED", "NOPERM", "BUSY"):
            assert nodes.failed(connection, Trouble(hiredis.ReplyError(f"{word} text"))) is None
        assert nodes.node_for(b"a") is connection
        nodes.close()

    run(body())


def test_a_server_that_became_a_replica_is_left_until_it_is_primary_again(tmp_path: Path) -> None:
    async def body() -> None:
        nodes = single(server)
        await nodes.start()
        with server.client() as client:
            client.replicaof("127.0.0.1", free_port())
            connection = nodes.node_for(b"a")
            answer = await connection.call(command("SET", "a", "b"))
            assert nodes.failed(connection, Trouble(answer)) is None
            with pytest.raises(StateAway, match="READONLY"):
                nodes.node_for(b"a")
            client.replicaof("no", "one")
        while True:
            try:
                assert nodes.node_for(b"a") is not connection
                break
            except StateAway:
                await asyncio.sleep(EACH_TURN_S)
        nodes.close()

    with Valkey(tmp_path) as server:
        run(body())
