from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from structlog.testing import capture_logs

from sluicegate.errors import StoreAway
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.store.access import PROBE_S, Access
from sluicegate.store.engine import LINKS, open_engine
from support.loops import run
from support.mock_clock import MockClock
from support.postgres import Postgres, store_settings
from support.stores import threads_ended

TIMEOUT_S = 4.0
"""A server that is there answers within it, on a busy machine too."""


class World:
    """An access to a server that the test may end."""

    def __init__(self, server: Postgres, timeout_s: float = TIMEOUT_S) -> None:
        settings = store_settings(server.url, timeout=Duration(timeout_s), connections=2)
        self.server = server
        self.clock = MockClock()
        self.metrics = Metrics()
        engine = open_engine(settings)
        self.access = Access(engine, timeout_s, self.clock, self.metrics, lambda: 0.5)

    async def ask(self, statement: str = "SELECT 1") -> object:
        async with self.access.call(), self.access.engine.connect() as connection:
            return await connection.scalar(text(statement))

    async def away(self, statement: str = "SELECT 1") -> str:
        with pytest.raises(StoreAway) as caught:
            await self.ask(statement)
        return str(caught.value)

    async def until(self, condition: Callable[[], object]) -> None:
        """Let probes go on until something is so."""
        while not condition():
            self.clock.advance(PROBE_S)
            await asyncio.sleep(0.005)

    def calls(self, outcome: str) -> float:
        return self.metrics.families["sluicegate_store_calls_total"].cell(outcome).value

    @property
    def up(self) -> float:
        return self.metrics.families["sluicegate_store_up"].cell().value


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server that may be paused and killed."""
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def world(server: Postgres) -> Iterator[World]:
    if not server.running:
        server.start()
    yield World(server)
    server.resume()


def test_a_call_is_answered_and_counted(world: World) -> None:
    async def scenario() -> None:
        assert await world.ask() == 1
        assert (world.up, world.calls("ok")) == (1, 1)
        await world.access.close()
        assert await world.away() == "closed"

    run(scenario())


def test_a_killed_server_is_away_at_once_until_it_is_back(world: World) -> None:
    async def scenario() -> None:
        await world.ask()
        world.server.kill()
        assert await world.away()
        assert (world.up, world.calls("failed")) == (0, 1)
        for _ in range(3):
            assert await world.away()
        assert (world.calls("failed"), world.calls("shed")) == (1, 3)
        world.server.start()
        await world.until(lambda: world.up)
        assert await world.ask() == 1
        await world.access.close()

    with capture_logs() as logs:
        run(scenario())
    assert [line["event"] for line in logs] == ["store_away", "store_back"]


def test_a_server_that_stands_still_holds_nobody_longer_than_the_timeout(world: World) -> None:
    async def scenario() -> None:
        await world.ask()
        world.server.pause()
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await world.away() == "the server did not answer in time"
        # Not a measurement: the bound of the whole call, with the farewell of its connection.
        assert loop.time() - began < 10 * TIMEOUT_S
        assert world.up == 0
        world.server.resume()
        await world.until(lambda: world.up)
        assert await world.ask() == 1
        await world.access.close()

    run(scenario())


def test_one_slow_statement_is_away_for_itself_only(world: World) -> None:
    async def scenario() -> None:
        # The server ends it after four fifths of the time, and may be held up for the fifth.
        patient = World(world.server, 10.0)
        assert await patient.away("SELECT pg_sleep(30)") == "the server took too long"
        assert patient.calls("shed") == 0
        assert await patient.ask() == 1
        await patient.access.close()

    run(scenario())


def test_whoever_finds_no_connection_in_time_does_not_shut_it_for_others(world: World) -> None:
    async def scenario() -> None:
        async with world.access.engine.connect(), world.access.engine.connect():
            assert await world.away() == "all connections are in use"
        assert await world.ask() == 1
        await world.access.close()

    run(scenario())


def test_errors_of_a_statement_pass_and_the_store_is_there(world: World) -> None:
    async def scenario() -> None:
        with pytest.raises(ProgrammingError):
            await world.ask("SELECT * FROM nothing")
        assert (world.up, world.calls("ok"), world.calls("failed")) == (1, 1, 0)
        await world.access.close()

    run(scenario())


def test_a_call_that_is_cancelled_leaves_its_connection_to_others(world: World) -> None:
    async def scenario() -> None:
        for _ in range(4):  # more than there are connections
            call = asyncio.create_task(world.ask("SELECT pg_sleep(5)"))
            await asyncio.sleep(0.02)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert await world.ask() == 1
        await world.access.close()

    run(scenario())


def test_what_refuses_our_password_is_away_without_saying_it(world: World) -> None:
    async def scenario() -> None:
        settings = store_settings(world.server.url, username="nobody-known", password="hush-hush")
        access = Access(open_engine(settings), TIMEOUT_S, world.clock, Metrics())
        with pytest.raises(StoreAway) as caught:
            async with access.call(), access.engine.connect():
                pass
        await access.close()
        assert str(caught.value) == "the server refuses our user or password"
        assert caught.value.__cause__ is None

    with capture_logs() as logs:
        run(scenario())
    assert "hush" not in str(logs)


def test_a_file_that_cannot_be_opened_is_away(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    settings = Settings(store=Store(url=f"sqlite:///{tmp_path}/store.db"))

    async def scenario() -> None:
        access = Access(open_engine(settings), 1.0, MockClock(), Metrics())
        with pytest.raises(StoreAway):
            async with access.call(), access.engine.connect():
                pass
        await access.close()
        await threads_ended()

    run(scenario())


def test_the_end_cuts_connections_that_cancelled_work_has_left_behind(world: World) -> None:
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(30)%'"

    async def scenario() -> None:
        patient = World(world.server, 30.0)
        asking = asyncio.create_task(patient.ask("SELECT pg_sleep(30)"))
        while await asyncio.to_thread(world.server.execute, sleeping) == [["0"]]:
            pass
        asking.cancel()
        await asyncio.wait([asking])
        links = patient.access.engine.get_execution_options()[LINKS]
        await patient.access.close()
        assert all(link.is_closed() for link in links._open)

    run(scenario())
