from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from sluicegate.errors import StoreAway
from sluicegate.model.units import Duration
from sluicegate.store.listener import PING_S, listen_to_postgres
from sluicegate.store.tables import CHANNEL
from support.loops import run
from support.mock_clock import MockClock
from support.postgres import Postgres, store_settings

NOTIFY = f"NOTIFY {CHANNEL}"
DROP = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"


class Heard:
    """What a listener has told."""

    def __init__(self, url: str) -> None:
        # Every turn of `until` pings: each has to be answered in time, on a busy machine too.
        self.store = store_settings(url, timeout=Duration(5)).store
        self.clock = MockClock()
        self.arrivals = 0
        self.losses = 0

    async def listen(self) -> Callable[[], None]:
        return await listen_to_postgres(self.store, self.clock, self._arrived, self._lost)

    def _arrived(self) -> None:
        self.arrivals += 1

    def _lost(self) -> None:
        self.losses += 1

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self.clock.advance(PING_S)
            await asyncio.sleep(0.005)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server that may be paused."""
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def heard(server: Postgres) -> Heard:
    return Heard(server.url)


def test_a_notice_is_heard(server: Postgres, heard: Heard) -> None:
    async def scenario() -> None:
        end = await heard.listen()
        for times in (1, 2):
            server.execute(NOTIFY)
            await heard.until(lambda times=times: heard.arrivals == times)
        end()

    run(scenario())
    assert heard.losses == 0


def test_a_lost_connection_is_told_once_and_last(server: Postgres, heard: Heard) -> None:
    async def scenario() -> None:
        end = await heard.listen()
        server.execute(DROP)
        await heard.until(lambda: heard.losses)
        end()

    run(scenario())
    assert (heard.arrivals, heard.losses) == (0, 1)


def test_a_connection_that_is_silent_and_dead_is_found_out(server: Postgres, heard: Heard) -> None:
    async def scenario() -> None:
        await heard.listen()
        server.pause()
        await heard.until(lambda: heard.losses)
        server.resume()

    run(scenario())
    assert heard.losses == 1


def test_after_its_end_nothing_is_told(server: Postgres, heard: Heard) -> None:
    async def scenario() -> None:
        end = await heard.listen()
        other = Heard(server.url)
        end_other = await other.listen()
        end()
        server.execute(NOTIFY)
        await other.until(lambda: other.arrivals)
        end_other()

    run(scenario())
    assert (heard.arrivals, heard.losses) == (0, 0)


def test_without_a_server_the_store_is_away() -> None:
    heard = Heard("postgresql://127.0.0.1:1/gate")
    with pytest.raises(StoreAway) as caught:
        run(heard.listen())
    assert str(caught.value) == "the server cannot be reached"
