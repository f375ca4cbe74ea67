from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import Fault
from sluicegate.metrics import Metrics
from sluicegate.process import crew as crew_module
from sluicegate.process import messages
from sluicegate.process.crew import MANAGEMENT, WORKER, Crew
from sluicegate.process.loading import Configuration
from sluicegate.process.slot import Timings
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.snapshot.document import Resources
from sluicegate.upstream.health.news import News
from support.mock_clock import MockClock

Heard = Callable[[messages.AnyMessage], None]
ALONE = Settings(store=Store(url="none"))
FIRST = Resources.of({("route", "a"): b"1"})
SECOND = Resources.of({("route", "a"): b"2"})
SERVED = Resources.of({("route", "a"): b"1", ("service", "s"): b"3"})
OUT = messages.Told(News("s", "10.0.0.1:80", "out", "open", 30.0))
DOWN = messages.Told(News("s", "10.0.0.2:80", "down"))


class Child:
    """A process that ends when it is killed or its channel is closed, and not before."""

    def __init__(self, pid: int, module: str, say: Heard) -> None:
        self.pid, self.module, self.say = pid, module, say
        self.told: list[messages.Message] = []
        self.end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.channel = SimpleNamespace(close=lambda: self.exit(0))

    def send(self, *told: messages.Message) -> None:
        self.told += told

    def kill(self) -> None:
        self.exit(-9)

    def exit(self, status: int) -> None:
        if not self.end.done():
            self.end.set_result(status)

    async def ended(self) -> int:
        return await asyncio.shield(self.end)

    def all(self, kind: type[messages.Message]) -> list[Any]:
        return [message for message in self.told if isinstance(message, kind)]

    def last(self, kind: type[messages.Message]) -> Any:
        return self.all(kind)[-1]


class World:
    """A crew of two workers whose processes are `Child`ren."""

    def __init__(self) -> None:
        self.clock = MockClock()
        self.metrics = Metrics()
        self.children: list[Child] = []
        self.questions: list[messages.AnyMessage] = []
        self.crew: Crew = cast("Crew", None)
        self.fail = False

    async def start(
        self, module: str, arguments: Sequence[str], descriptors: Sequence[int], heard: Heard
    ) -> Child:
        assert not arguments
        assert descriptors
        if self.fail:
            raise OSError(11, "Resource temporarily unavailable")
        child = Child(100 + len(self.children), module, heard)
        self.children.append(child)
        return child

    async def move(self, seconds: float) -> None:
        """Let time pass, with a beat of every ready process each second."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self.crew.tick()
            await turns()

    def workers(self) -> list[Child]:
        """Return the newest process of each worker slot."""
        found = {}
        for child in self.children:
            if child.module == WORKER:
                found[child.last(messages.Start).slot] = child
        return [found[slot] for slot in sorted(found)]

    async def all_ready(self) -> None:
        for child in self.children:
            child.say(messages.Ready())
        await turns()

    def management(self) -> Child:
        """Return the newest management process."""
        return [child for child in self.children if child.module == MANAGEMENT][-1]

    def restarts(self, cause: str) -> float:
        return self.metrics.families["sluicegate_worker_restarts_total"].cell(cause).value


Scenario = Callable[[Callable[[World], Awaitable[None]]], None]


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def scenario(monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """Return a function that runs a test's coroutine in a world of its own."""

    @asynccontextmanager
    async def world() -> AsyncIterator[World]:
        made = World()
        monkeypatch.setattr(crew_module, "start_child", made.start)
        socket = SimpleNamespace(fileno=lambda: 5)
        setup = SimpleNamespace(
            configuration=Configuration(ALONE, FIRST, b""),
            settings=ALONE,
            stores=False,
            sockets=[socket, socket],
            management=socket,
            clock=made.clock,
            metrics=made.metrics,
            timings=Timings(scrape_s=0.5),  # of real time: whoever answers does so within it
        )
        async with asyncio.TaskGroup() as group:
            made.crew = Crew(cast("Any", setup), group, made.questions.append)
            made.crew.tick()
            await turns()
            yield made
            made.crew.draining = True
            for child in made.children:
                child.exit(0)

    def run(body: Callable[[World], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with world() as made:
                await body(made)

        asyncio.run(asyncio.wait_for(whole(), 10))

    return run


def test_every_slot_and_management_get_a_process_and_ready_means_all_of_them(
    scenario: Scenario,
) -> None:
    async def body(world: World) -> None:
        assert len(world.children) == 3
        first, second, management = world.children
        for child in (first, second):
            assert child.last(messages.Put).raw == b"1"
            child.say(messages.Ready())
        assert not world.crew.ready.is_set()
        management.say(messages.Ready())
        assert world.crew.ready.is_set()

    scenario(body)


def test_a_dead_worker_is_replaced_at_once_the_first_time(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        world.workers()[0].exit(-9)
        await turns()
        assert len(world.children) == 4
        assert world.restarts("crashed") == 1

    scenario(body)


def test_a_silent_worker_is_killed_once_and_counted_as_silent(
    scenario: Scenario, logs: list[MutableMapping[str, Any]]
) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        victim = world.workers()[0]
        for _ in range(11):
            for child in world.children:
                if child is not victim:
                    child.say(messages.Beat(ready=True))
            await world.move(1)
        assert victim.end.result() == -9
        assert world.restarts("silent") == 1
        assert world.restarts("crashed") == 0

    scenario(body)
    assert sum(line["event"] == "silent, killed" for line in logs) == 1


def test_a_supervisor_that_stood_still_kills_nobody(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        world.clock.advance(3600)
        world.crew.tick()
        await turns()
        assert not any(child.end.done() for child in world.children)

    scenario(body)


def test_a_sibling_adopts_after_a_second_and_gives_back_when_the_successor_is_ready(
    scenario: Scenario,
) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        lost, sibling = world.workers()
        lost.exit(-9)
        await turns()
        await world.move(0.9)
        assert not any(isinstance(m, messages.Adopt) for m in sibling.told)
        await world.move(0.2)
        assert sibling.last(messages.Adopt).slot == 0
        world.workers()[0].say(messages.Ready())
        assert sibling.last(messages.Release).slot == 0

    scenario(body)


def test_what_a_dead_adopter_had_adopted_is_adopted_again(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        first, second = world.workers()
        first.exit(-9)
        await turns()
        await world.move(1.1)
        assert second.last(messages.Adopt).slot == 0
        second.exit(-9)
        await turns()
        newer = world.workers()[1]
        newer.say(messages.Ready())
        await turns()
        assert newer.last(messages.Adopt).slot == 0

    scenario(body)


def test_a_process_that_cannot_be_started_is_tried_again(
    scenario: Scenario, logs: list[MutableMapping[str, Any]]
) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        world.fail = True
        world.workers()[0].exit(1)
        await turns()
        assert len(world.children) == 3
        world.fail = False
        await world.move(1)
        assert len(world.children) == 4

    scenario(body)
    assert any(line["event"] == "cannot start a process" for line in logs)


def test_a_refused_configuration_is_taken_back_everywhere(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        good, bad = world.workers()
        applying = asyncio.create_task(world.crew.apply(SECOND))
        await turns()
        good.say(messages.Applied(good.last(messages.End).number, SECOND.revision, []))
        fault = Fault("routes.a", 0, "no")
        bad.say(messages.Applied(bad.last(messages.End).number, FIRST.revision, [fault, fault]))
        await turns()
        for child in (good, bad):
            assert child.last(messages.Put).raw == b"1"
            child.say(messages.Applied(child.last(messages.End).number, FIRST.revision, []))
        assert await applying == [fault]
        good.exit(-9)
        await turns()
        assert world.workers()[0].last(messages.Put).raw == b"1"

    scenario(body)


def test_a_worker_that_dies_while_it_applies_does_not_hold_up_a_reload(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        first, second = world.workers()
        applying = asyncio.create_task(world.crew.apply(SECOND))
        await turns()
        first.say(messages.Applied(first.last(messages.End).number, SECOND.revision, []))
        second.exit(-9)
        assert await applying == []
        await turns()
        assert world.workers()[1].last(messages.Put).raw == b"2"

    scenario(body)


def test_a_configuration_that_no_worker_can_begin_with_ends_the_start(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        fault = Fault("routes.a", 0, "no")
        world.children[0].say(messages.Applied(1, None, [fault]))
        assert world.crew.refused == [fault]
        assert world.crew.ready.is_set()

    scenario(body)


def test_a_worker_that_does_not_answer_a_scrape_is_stale(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        quick, slow = world.workers()
        scraping = asyncio.create_task(world.crew.scrape())
        await turns()
        counted = Metrics()
        counted.family("requests_total", "counter", "").cell().value = 4
        quick.say(messages.Scraped(quick.last(messages.Scrape).number, counted.dump()))
        assert slow.last(messages.Scrape)
        families = {family.name: family.series for family in await scraping}
        assert families["requests_total"][0].number == 4
        stale = {s.values[0]: s.number for s in families["sluicegate_worker_stale"]}
        assert stale == {"0": 0, "1": 1}

    scenario(body)


def test_workers_are_told_at_once_when_the_replica_becomes_ready(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        first = world.workers()[0]
        world.crew.tick()
        assert not first.last(messages.Health).ready
        first.say(messages.Ready())
        assert first.last(messages.Health) == messages.Health(live=True, ready=True)

    scenario(body)


def test_questions_of_the_management_process_are_handed_on(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        world.children[2].say(messages.Report(3))
        assert world.questions == [messages.Report(3)]

    scenario(body)


def test_nobody_is_replaced_while_it_drains(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        world.crew.draining = True
        world.workers()[0].exit(0)
        await turns()
        await world.move(5)
        assert len(world.children) == 3
        assert world.restarts("crashed") == 0

    scenario(body)


def test_news_of_a_worker_go_at_once_to_all_others_and_management(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        first, second, management = world.children
        first.say(OUT)
        assert first.all(messages.Told) == []
        assert second.all(messages.Told) == management.all(messages.Told) == [OUT]

    scenario(body)


def test_news_of_management_go_to_all_workers(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        first, second, management = world.children
        management.say(DOWN)
        assert first.all(messages.Told) == second.all(messages.Told) == [DOWN]
        assert management.all(messages.Told) == []

    scenario(body)


@pytest.mark.parametrize("module", [WORKER, MANAGEMENT])
def test_who_starts_later_is_told_what_still_holds_after_its_configuration(
    scenario: Scenario, module: str
) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        world.workers()[0].say(OUT)
        world.management().say(DOWN)
        world.clock.advance(10)
        victim = world.workers()[1] if module == WORKER else world.management()
        victim.exit(-9)
        await turns()
        successor = world.workers()[1] if module == WORKER else world.management()
        assert successor is not victim
        told = [message.news for message in successor.all(messages.Told)]
        assert told == [DOWN.news, News("s", "10.0.0.1:80", "out", "open", 20.0)]
        kinds = [type(message) for message in successor.told]
        assert kinds.index(messages.End) < kinds.index(messages.Told)

    scenario(body)


def test_who_starts_when_all_is_well_again_is_told_nothing(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        world.workers()[0].say(OUT)
        world.management().say(messages.Told(News("s", "10.0.0.1:80", "back")))
        world.workers()[1].exit(-9)
        await turns()
        assert world.workers()[1].all(messages.Told) == []

    scenario(body)


def test_management_gets_the_services_and_nothing_else_once_the_workers_have_them(
    scenario: Scenario,
) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        management = world.management()
        assert management.all(messages.Put) == []
        applying = asyncio.create_task(world.crew.apply(SERVED))
        await turns()
        assert len(management.all(messages.End)) == 1
        for worker in world.workers():
            number = worker.last(messages.End).number
            worker.say(messages.Applied(number, SERVED.revision, []))
        assert await applying == []
        assert management.all(messages.Put) == [messages.Put("service", "s", b"3")]
        management.exit(-9)
        await turns()
        assert world.management().all(messages.Put) == [messages.Put("service", "s", b"3")]

    scenario(body)


def test_management_gets_nothing_of_a_configuration_that_is_refused(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        applying = asyncio.create_task(world.crew.apply(SERVED))
        for faults in ([Fault("services.s", 0, "no")], []):
            await turns()
            for worker in world.workers():
                number = worker.last(messages.End).number
                worker.say(messages.Applied(number, FIRST.revision, faults))
        assert await applying
        assert world.management().all(messages.Put) == []

    scenario(body)


def test_what_management_has_counted_is_scraped_too_and_outlives_it(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        counted = Metrics()
        counted.family("checks_total", "counter", "").cell().value = 4
        for _ in range(2):
            scraping = asyncio.create_task(world.crew.scrape())
            await turns()
            management = world.management()
            number = management.last(messages.Scrape).number
            management.say(messages.Scraped(number, counted.dump()))
            families = {family.name: family.series for family in await scraping}
            management.exit(-9)
            await turns()
        assert families["checks_total"][0].number == 8
        assert len(families["sluicegate_worker_stale"]) == 2

    scenario(body)


def test_management_reads_certificates_again_with_the_workers(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        reading = asyncio.create_task(world.crew.apply_tls())
        await turns()
        fault = Fault("services.s.tls.ca", 0, "no")
        for child, faults in zip(world.children, ([], [fault], [fault]), strict=True):
            child.say(messages.TlsApplied(child.last(messages.Tls).number, faults))
        assert await reading == [fault]

    scenario(body)


def test_management_that_cannot_follow_the_store_any_more_is_replaced(scenario: Scenario) -> None:
    async def body(world: World) -> None:
        await world.all_ready()
        before = world.management()
        before.say(messages.Applied(1, None, [Fault("store", 0, "no rights")]))
        assert world.crew.refused == []
        await world.move(1)
        assert world.management() is not before

    scenario(body)
