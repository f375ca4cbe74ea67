from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace
from structlog.testing import capture_logs

from sluicegate.clock import Clock
from sluicegate.errors import StoreAway
from sluicegate.metrics import Metrics
from sluicegate.settings import Settings
from sluicegate.store.contract import Arrivals, Author, Change
from sluicegate.store.open import open_store
from sluicegate.store.watch import AWAY_S, PAGE, Watch
from support.loops import run
from support.mock_clock import MockClock
from support.postgres import Postgres, store_settings

AUTHOR = Author("ada", "127.0.0.1", "apply")
POLL_S = 3.0
DROP = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE query LIKE 'LISTEN%' AND datname = '{database}'"
)


def plans(*names: str) -> list[Change]:
    return [Change("plan", name, b"{}") for name in names]


class World:
    """A store, and a watch over it from a moment on."""

    def __init__(self, settings: Settings, poll_s: float = POLL_S) -> None:
        self.clock = MockClock()
        self.metrics = Metrics()
        self.store = open_store(settings, Clock(), Metrics())
        self.seen: list[str] = []
        self.pages: list[Arrivals] = []
        self.fails = False
        self.watch = Watch(self.store, self.clock, self.metrics, poll_s, self._on_arrivals)

    async def _on_arrivals(self, arrivals: Arrivals) -> None:
        if self.fails:
            raise RuntimeError("not now")
        self.pages.append(arrivals)
        self.seen += [revision.name for revision in arrivals.revisions]

    async def write(self, *names: str) -> None:
        await self.store.write(plans(*names), AUTHOR)

    async def until(self, condition: Callable[[], object], advance_s: float = 0.0) -> None:
        while not condition():
            self.clock.advance(advance_s)
            await asyncio.sleep(0.005)

    def news(self, by: str) -> float:
        return self.metrics.families["sluicegate_store_news_total"].cell(by).value

    @property
    def arrival(self) -> float:
        return self.metrics.families["sluicegate_store_arrival"].cell().value

    def run(self, scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            await self.store.start()
            try:
                await scenario()
            finally:
                await self.watch.close()
                await self.store.close()

        run(whole())


def test_what_was_there_and_what_comes_is_handed_on_in_order(settings: Settings) -> None:
    world = World(settings)

    async def scenario() -> None:
        await world.write("a", "b")
        world.watch.start(0)
        await world.until(lambda: world.seen == ["a", "b"])
        await world.write("c")
        await world.until(lambda: world.seen == ["a", "b", "c"])  # by push: time stands still
        assert world.watch.last == world.arrival == 3
        assert world.news("push") >= 1

    world.run(scenario)


def test_it_goes_on_from_where_it_is_told(settings: Settings) -> None:
    world = World(settings)

    async def scenario() -> None:
        await world.write("a", "b")
        world.watch.start(1)
        await world.watch.caught_up()
        assert world.seen == ["b"]

    world.run(scenario)


def test_many_come_in_pages_and_none_is_missed(settings: Settings) -> None:
    world = World(settings)
    names = [f"plan-{number:05}" for number in range(PAGE + 10)]

    async def scenario() -> None:
        await world.write(*names)
        world.watch.start(0)
        await world.watch.caught_up()
        assert world.seen == names
        assert [len(page.revisions) for page in world.pages] == [PAGE, 10]

    world.run(scenario)


def test_another_database_is_told_by_a_last_that_is_smaller(settings: Settings) -> None:
    world = World(settings)

    async def scenario() -> None:
        await world.write("a")
        world.watch.start(500)
        await world.watch.caught_up()
        assert [page.last for page in world.pages] == [1]
        assert world.watch.last == 1

    world.run(scenario)


def test_numbers_that_another_server_gave_again_are_read_again(settings: Settings) -> None:
    """A standby that took over without the last arrivals gives their numbers to others."""
    world = World(settings)
    arrivals, lost = world.store.arrivals, False

    async def of_another_server(after: int, limit: int) -> Arrivals:
        if lost:
            raise StoreAway("the connection was lost")
        found = await arrivals(after, limit)
        if not world.seen:
            revisions = [replace(each, id=f"before-{each.id}") for each in found.revisions[-1:]]
            return Arrivals([*found.revisions[:-1], *revisions], found.last)
        return found

    world.store.arrivals = of_another_server

    async def scenario() -> None:
        nonlocal lost
        await world.write("a", "b", "c")
        world.watch.start(0)
        await world.watch.caught_up()
        lost = True
        await world.watch.caught_up()
        lost = False
        await world.until(lambda: len(world.seen) > 3, AWAY_S)
        assert world.seen == ["a", "b", "c", "c"]  # only the number that is another's now

    world.run(scenario)


def test_whoever_wrote_can_wait_until_it_was_handed_on(settings: Settings) -> None:
    world = World(settings)

    async def scenario() -> None:
        world.watch.start(0)
        for number in range(5):
            await world.write(f"plan-{number}")
            await world.watch.caught_up()
            assert world.seen[-1] == f"plan-{number}"

    world.run(scenario)


def test_a_page_that_failed_comes_again_and_is_logged_once(settings: Settings) -> None:
    world = World(settings)
    world.fails = True

    async def scenario() -> None:
        await world.write("a")
        world.watch.start(0)
        for _ in range(3):
            await world.watch.caught_up()
        world.fails = False
        await world.until(lambda: world.seen, POLL_S)
        assert world.seen == ["a"]

    with capture_logs() as logs:
        world.run(scenario)
    assert [line["event"] for line in logs].count("store_arrivals_failed") == 1


def test_after_its_end_nobody_waits(settings: Settings) -> None:
    world = World(settings)

    async def scenario() -> None:
        world.watch.start(0)
        waiting = asyncio.create_task(world.watch.caught_up())
        await world.watch.close()
        await waiting
        await world.watch.caught_up()

    world.run(scenario)


def test_where_no_push_comes_the_poll_finds_it(settings: Settings) -> None:
    """Another process writes to the file, or the notice is lost."""
    world = World(settings)

    async def no_push(*_: object) -> Callable[[], None]:
        return lambda: None

    world.store.listen = no_push

    async def scenario() -> None:
        world.watch.start(0)
        await world.watch.caught_up()
        await world.write("a")
        await world.until(lambda: world.seen, POLL_S)
        assert world.news("poll") == 1

    world.run(scenario)


def test_a_lost_connection_is_made_anew_and_misses_nothing(
    postgres: Postgres, postgres_url: str
) -> None:
    world = World(store_settings(postgres_url))
    database = postgres_url.rpartition("/")[2]

    async def scenario() -> None:
        world.watch.start(0)
        for name in ("a", "b"):
            await world.write(name)
            await world.until(lambda name=name: world.seen[-1:] == [name], 0.1)
            postgres.execute(DROP.format(database=database))
        # Listening again: a change arrives while time stands still.
        query = (
            f"SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = '{database}'"
        )
        await world.until(lambda: postgres.execute(query), 0.1)
        before = world.clock.monotonic()
        await world.write("c")
        await world.until(lambda: world.seen[-1:] == ["c"])
        assert world.clock.monotonic() == before

    world.run(scenario)


def test_a_store_that_is_away_is_asked_again_and_no_error(settings: Settings) -> None:
    world = World(settings)
    arrivals, away = world.store.arrivals, True

    async def sometimes(*args: Any) -> Arrivals:
        if away:
            raise StoreAway("the server cannot be reached")
        return await arrivals(*args)

    world.store.arrivals = sometimes

    async def scenario() -> None:
        nonlocal away
        await world.write("a")
        world.watch.start(0)
        await world.watch.caught_up()
        assert world.seen == []
        away = False
        await world.until(lambda: world.seen, AWAY_S)
        assert world.seen == ["a"]

    with capture_logs() as logs:
        world.run(scenario)
    assert logs == []
