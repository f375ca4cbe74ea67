from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sluicegate.clock import Clock
from sluicegate.errors import StateAway
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.settings import State
from sluicegate.state.contract import Ask, Group, Limit
from sluicegate.state.redis.cluster import ClusterNodes
from sluicegate.state.redis.open import open_state
from sluicegate.state.redis.sentinel import SentinelNodes
from sluicegate.state.redis.single import Single
from sluicegate.state.redis.state import RedisState
from support.loops import LoopThread, run
from support.ports import free_port
from support.tcp_proxy import TcpProxy
from support.valkey import Valkey

ASKS = [Ask(Group("api", [Limit("fixed-60", FixedWindow(10**6, 60_000_000))]), "alice")]
SETTLED = [Ask(Group("api", ASKS[0].group.limits, settles=True), "alice")]
EACH_TURN_S = 0.001


class World:
    """A state as a worker has it, for a server to make trouble with."""

    def __init__(self, url: str, **settings: Duration | str) -> None:
        self.metrics = Metrics()
        given = {"timeout": Duration(10), "connect_timeout": Duration(10), **settings}
        self.state = open_state(State(url=url, **given), Clock(), self.metrics, "w1")  # type: ignore[arg-type]

    async def admits(self) -> bool:
        """Say whether a request is counted; False where the state is away."""
        try:
            return (await self.state.take(ASKS)).admitted
        except StateAway:
            return False

    async def until_back(self) -> None:
        while not await self.admits():  # noqa: ASYNC110 - it is the loop that has to turn
            await asyncio.sleep(EACH_TURN_S)

    @property
    def up(self) -> float:
        return self.metrics.families["sluicegate_state_up"].cell().value

    def calls(self) -> dict[str, float]:
        dumped = {family.name: family for family in self.metrics.dump()}
        return {s.values[0]: s.number for s in dumped["sluicegate_state_calls_total"].series}


def play(world: Callable[[], World], scene: Callable[[World], Awaitable[None]]) -> None:
    async def body() -> None:
        made = world()
        try:
            await made.state.start()
            await scene(made)
        finally:
            made.state.close()

    run(body())


def nodes_of(url: str) -> object:
    state: RedisState = open_state(State(url=url), Clock(), Metrics(), "w1")
    return state._nodes


def test_the_url_decides_who_finds_the_servers() -> None:
    assert isinstance(nodes_of("redis://a"), Single)
    assert isinstance(nodes_of("unix:///run/a"), Single)
    assert isinstance(nodes_of("redis+sentinel://a,b/main"), SentinelNodes)
    assert isinstance(nodes_of("redis+cluster://a,b"), ClusterNodes)


def test_a_wrong_password_is_away_and_said_in_the_log_without_the_password(
    tmp_path: Path,
) -> None:
    async def scene(w: World) -> None:
        assert not await w.admits()

    with Valkey(tmp_path, args=("--requirepass", "right-one")) as server, capture_logs() as lines:
        play(lambda: World(server.url, password="wrong-one"), scene)
    assert [line["reason"] for line in lines] == ["the server refuses our user or password"]
    assert "wrong-one" not in str(lines)


def test_a_worker_starts_without_its_state_and_finds_it_later(tmp_path: Path) -> None:
    port = free_port()
    server = Valkey(tmp_path, port=port)

    async def scene(w: World) -> None:
        assert not await w.admits()
        server.start()
        await w.until_back()

    try:
        play(lambda: World(f"redis://127.0.0.1:{port}"), scene)
    finally:
        server.stop()


def test_of_many_requests_into_a_black_hole_those_after_the_first_deadline_wait_for_nothing(
    tmp_path: Path,
) -> None:
    async def scene(w: World) -> None:
        assert await w.admits()
        server.pause()
        first = await asyncio.gather(*[w.admits() for _ in range(50)])
        assert not any(first)
        assert (w.calls()["late"], w.calls()["away"]) == (50, 0)
        # Nothing is written, so nothing can be waited for.
        assert not any(await asyncio.gather(*[w.admits() for _ in range(50)]))
        assert (w.calls()["late"], w.calls()["away"]) == (50, 50)
        server.resume()
        await w.until_back()

    with Valkey(tmp_path) as server:
        play(lambda: World(server.url, timeout=Duration(5)), scene)


def test_a_server_without_memory_refuses_and_stays_in_use(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        assert await w.admits()
        with server.client() as client:
            client.config_set("maxmemory", 1)
            with capture_logs() as lines:
                assert not await w.admits()
            assert [(line["event"], line["error"]) for line in lines] == [("state_refused", "OOM")]
            assert w.calls()["oom"] == 1
            assert w.up == 0
            await w.state.settle(SETTLED, "t", [0])  # finds nothing to do, which takes no memory
            assert w.up == 0
            client.config_set("maxmemory", 0)
            assert await w.admits()
            assert w.up == 1
        assert w.calls()["away"] == 0

    with Valkey(tmp_path) as server:
        play(lambda: World(server.url), scene)


def test_a_server_that_answers_nothing_but_errors_is_not_up(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        assert await w.admits()
        with server.client() as client:
            client.execute_command("ACL SETUSER gateway -evalsha")
            assert not await w.admits()
            assert w.up == 0
            client.execute_command("ACL SETUSER gateway +evalsha")
            assert await w.admits()
            assert w.up == 1

    user = ("--user", "gateway", "on", ">secret", "~*", "+@all")
    with Valkey(tmp_path, args=user) as server:
        play(lambda: World(server.url, username="gateway", password="secret"), scene)


def test_a_server_that_may_not_write_is_not_up_because_it_can_be_connected_to(
    tmp_path: Path,
) -> None:
    async def scene(w: World) -> None:
        assert await w.admits()
        with server.client() as client:
            client.config_set("min-replicas-to-write", 1)
            assert not await w.admits()
            assert w.calls()["noreplicas"] == 1  # which ends the connection
            nodes = w.state._nodes
            assert isinstance(nodes, Single)
            while nodes._breaker.live is None:  # noqa: ASYNC110 - it is the loop that has to turn
                await asyncio.sleep(EACH_TURN_S)
            assert w.up == 0
            client.config_set("min-replicas-to-write", 0)
            await w.until_back()
            assert w.up == 1

    with Valkey(tmp_path) as server:
        play(lambda: World(server.url), scene)


def test_a_server_that_was_flushed_of_keys_and_scripts_counts_anew(valkey: Valkey) -> None:
    async def scene(w: World) -> None:
        assert (await w.state.take(ASKS)).outcomes[0].remaining == 10**6 - 1
        with valkey.client() as client:
            client.flushall()
            client.script_flush()
        assert (await w.state.take(ASKS)).outcomes[0].remaining == 10**6 - 1
        assert w.calls()["ok"] == 2

    play(lambda: World(valkey.url), scene)


def test_a_connection_that_is_cut_is_opened_again(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        assert await w.admits()
        thread.loop.call_soon_threadsafe(proxy.cut)
        while await w.admits():  # noqa: ASYNC110 - it is the loop that has to turn
            await asyncio.sleep(EACH_TURN_S)
        await w.until_back()

    thread = LoopThread()
    with Valkey(tmp_path) as server:
        proxy = TcpProxy(server.port)
        thread.call(proxy.start())
        try:
            play(lambda: World(f"redis://127.0.0.1:{proxy.port}"), scene)
        finally:
            thread.call(proxy.stop())
            thread.close()


def test_a_server_that_evicts_is_told_of(tmp_path: Path) -> None:
    async def scene(w: World) -> None:
        assert await w.admits()
        assert w.metrics.families["sluicegate_state_evicts"].cell().value == 1

    with Valkey(tmp_path, args=("--maxmemory-policy", "allkeys-lru")) as server:
        play(lambda: World(server.url), scene)


def test_a_url_that_cannot_be_meant_is_no_state() -> None:
    with pytest.raises(ValueError, match="one host"):
        nodes_of("redis://a,b")
