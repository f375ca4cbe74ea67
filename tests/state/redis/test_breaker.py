from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sluicegate.clock import Clock
from sluicegate.errors import StateAway
from sluicegate.metrics import HistogramCell, Metrics
from sluicegate.model.units import Duration
from sluicegate.settings import State
from sluicegate.state.redis.address import parse_address
from sluicegate.state.redis.breaker import FIRST_PROBE_S, PROBE_S, REFUSED_S, Breaker, Watch
from sluicegate.state.redis.connection import Connection
from sluicegate.state.redis.dial import Dial
from sluicegate.state.redis.resp import command
from support.loops import run
from support.mock_clock import MockClock
from support.valkey import Valkey

PING = command("PING")
EACH_TURN_S = 0.001
TIMEOUT_S = 5.0
"""The machine is shared: a server that is there answers within it."""


class Hasty(MockClock):
    """Keeps how long was slept, which takes a turn of the loop only."""

    __slots__ = ("slept",)

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)
        self.advance(delay_s)
        await asyncio.sleep(EACH_TURN_S)


class World:
    """A breaker for a real server, with a time-out that a pause of the server passes."""

    def __init__(self, server: Valkey, clock: Clock) -> None:
        self.metrics = Metrics()
        timeout = Duration(TIMEOUT_S)
        settings = State(url=server.url, timeout=timeout, connect_timeout=Duration(10))
        seconds = HistogramCell((1.0,))
        self.clock = clock
        self.breaker = Breaker(
            parse_address(server.url).endpoints[0],
            Dial(settings, clock, seconds, tls=False),
            clock,
            Watch(self.metrics),
            jitter=lambda: 0.5,
        )

    @property
    def up(self) -> float:
        return self.metrics.families["sluicegate_state_up"].cell().value

    async def until_live(self) -> Connection:
        while self.breaker.live is None:  # noqa: ASYNC110 - it is the loop that has to turn
            await asyncio.sleep(EACH_TURN_S)
        return self.breaker.live

    async def until_away(self) -> None:
        while self.breaker.live is not None:  # noqa: ASYNC110 - it is the loop that has to turn
            await asyncio.sleep(EACH_TURN_S)


def play(
    server: Valkey, scene: Callable[[World], Awaitable[None]], clock: Clock | None = None
) -> None:
    async def body() -> None:
        world = World(server, clock or Clock())
        try:
            await scene(world)
        finally:
            world.breaker.close()

    run(body())


@pytest.fixture
def own(tmp_path: Path) -> Valkey:
    """Return a server that may be ended; not started."""
    return Valkey(tmp_path)


def test_a_server_that_is_there_is_live_once_started(valkey: Valkey) -> None:
    async def scene(w: World) -> None:
        assert w.up == 0
        await w.breaker.start()
        assert w.up == 1
        assert await w.breaker.connection().call(PING) == b"PONG"
        w.breaker.close()
        with pytest.raises(StateAway, match="closed"):
            w.breaker.connection()

    play(valkey, scene)


def test_starting_does_not_wait_for_a_server_that_is_away(own: Valkey) -> None:
    async def scene(w: World) -> None:
        await w.breaker.start()
        with pytest.raises(StateAway, match="no connection"):
            w.breaker.connection()
        assert w.up == 0
        own.start()
        await w.until_live()
        assert w.up == 1

    try:
        play(own, scene)
    finally:
        own.stop()


def test_a_server_that_was_killed_is_away_at_once_and_live_when_it_is_back(own: Valkey) -> None:
    async def scene(w: World) -> None:
        await w.breaker.start()
        own.kill()
        await w.until_away()
        assert w.up == 0
        own.start()
        assert await (await w.until_live()).call(PING) == b"PONG"
        assert w.up == 1

    with own:
        play(own, scene)


def test_a_black_hole_is_away_after_one_deadline_and_live_when_it_answers(own: Valkey) -> None:
    async def scene(w: World) -> None:
        await w.breaker.start()
        own.pause()
        with pytest.raises(StateAway, match="no answer in time"):
            await w.breaker.connection().call(PING)
        with pytest.raises(StateAway, match="no answer in time"):
            w.breaker.connection()
        own.resume()
        assert await (await w.until_live()).call(PING) == b"PONG"

    with own:
        play(own, scene)


def test_a_connection_that_still_waits_for_answers_is_closed_with_all_others(own: Valkey) -> None:
    clock = MockClock()

    async def scene(w: World) -> None:
        await w.breaker.start()
        connection = w.breaker.connection()
        own.pause()
        calls = []
        for _ in range(2):
            calls.append(connection.call(PING))
            await asyncio.sleep(EACH_TURN_S)
            clock.advance(0.6 * TIMEOUT_S)
        with pytest.raises(StateAway, match="no answer in time"):
            await calls[0]
        assert connection.has_ended
        assert not calls[1].done()
        w.breaker.close()
        with pytest.raises(StateAway):
            await calls[1]
        while not connection.is_closed:  # noqa: ASYNC110 - it is the loop that has to turn
            await asyncio.sleep(EACH_TURN_S)

    with own:
        play(own, scene, clock)


def test_probes_come_fast_at_first_then_every_quarter_second(own: Valkey) -> None:
    clock = Hasty()

    async def scene(w: World) -> None:
        w.breaker.begin()
        while len(clock.slept) < 6:  # noqa: ASYNC110 - it is the loop that has to turn
            await asyncio.sleep(EACH_TURN_S)
        assert clock.slept[0] == FIRST_PROBE_S
        assert clock.slept[1] == 2 * FIRST_PROBE_S
        assert clock.slept[5] == PROBE_S

    play(own, scene, clock)


def test_where_a_server_closes_what_is_idle_the_next_connection_is_opened_at_once(
    valkey: Valkey,
) -> None:
    clock = Hasty()

    async def scene(w: World) -> None:
        await w.breaker.start()
        before = w.breaker.connection()
        clock.advance(300)
        with valkey.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        while await w.until_live() is before:  # noqa: ASYNC110 - it is the loop that has to turn
            await asyncio.sleep(EACH_TURN_S)
        assert clock.slept == []

    play(valkey, scene, clock)


def test_a_connection_that_served_for_a_moment_gives_no_reason_to_hurry(valkey: Valkey) -> None:
    clock = Hasty()

    async def scene(w: World) -> None:
        await w.breaker.start()
        for _ in range(3):
            (await w.until_live()).retire("the server answered READONLY")
        await w.until_live()
        assert clock.slept == [FIRST_PROBE_S, 2 * FIRST_PROBE_S, 4 * FIRST_PROBE_S]

    play(valkey, scene, clock)


def test_who_wants_to_know_is_told_of_each_new_connection(valkey: Valkey) -> None:
    async def scene(w: World) -> None:
        told: list[Connection] = []
        w.breaker.on_live = told.append
        await w.breaker.start()
        assert told == [w.breaker.live]

    play(valkey, scene)


def test_the_state_is_up_while_every_server_is() -> None:
    metrics = Metrics()
    watch = Watch(metrics)
    up = metrics.families["sluicegate_state_up"].cell()
    first, second = object(), object()
    watch.tell(first, "a", "")
    assert up.value == 1
    watch.tell(second, "b", "no answer in time")
    assert up.value == 0
    watch.forget(second)
    assert up.value == 1
    watch.forget(first)
    assert up.value == 0


def test_the_state_is_not_up_while_a_server_refuses_what_it_is_asked() -> None:
    metrics = Metrics()
    watch = Watch(metrics)
    up = metrics.families["sluicegate_state_up"].cell()
    first = object()
    watch.tell(first, "a", "")
    watch.refuses("a", 0.0)
    watch.tell(first, "a", "")  # connected to once more: that is no call
    assert up.value == 0
    watch.accepts("a", 0.0)
    assert up.value == 1
    watch.refuses("b", 0.0)
    watch.forget(object(), "b")
    assert up.value == 1


def test_that_a_server_refused_is_forgotten_where_it_is_not_asked_again() -> None:
    metrics = Metrics()
    watch = Watch(metrics)
    watch.tell(object(), "a", "")
    watch.refuses("b", 100.0)
    watch.accepts("a", 100.0 + REFUSED_S - 1)
    assert "b" in watch.refusing
    watch.accepts("a", 100.0 + REFUSED_S)
    assert metrics.families["sluicegate_state_up"].cell().value == 1


def test_who_seeks_servers_is_told_of_until_they_are_found() -> None:
    metrics = Metrics()
    watch = Watch(metrics)
    up = metrics.families["sluicegate_state_up"].cell()
    seeker = object()
    with capture_logs() as lines:
        watch.found(seeker, "cluster")
        for _ in range(3):
            watch.tell(seeker, "cluster", "no connection")
        watch.tell(object(), "a", "")
        assert up.value == 0
        watch.found(seeker, "cluster")
        assert up.value == 1
    assert [line["event"] for line in lines] == ["state_away", "state_back"]
