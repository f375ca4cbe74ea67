from __future__ import annotations

import asyncio
from itertools import pairwise

from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.state.contract import Crew
from sluicegate.state.live import JITTER, PERIOD_S, LiveView
from sluicegate.state.memory import MemoryState
from support.mock_clock import MockClock


class Seen(MemoryState):
    """A state that shows what it is told to, and remembers when it was asked."""

    def __init__(self, clock: MockClock) -> None:
        super().__init__(clock, Metrics())
        self.clock = clock
        self.crew: Crew | None = Crew(6, 2)
        self.asked: list[tuple[str, float]] = []

    async def present(self, worker: str) -> Crew:
        self.asked.append((worker, self.clock.monotonic()))
        if self.crew is None:
            raise StateAway
        return self.crew


class World:
    def __init__(self, worker: str = "a") -> None:
        self.clock = MockClock()
        self.metrics = Metrics()
        self.state = Seen(self.clock)
        self.view = LiveView(self.state, self.clock, self.metrics, worker, Crew(4, 1))

    async def move(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.clock.advance(0.01)
            await turns()

    def gauge(self) -> float:
        return self.metrics.families["sluicegate_state_workers"].cell().value


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_until_the_state_has_answered_it_is_as_expected() -> None:
    async def scenario() -> None:
        world = World()
        world.state.crew = None
        world.view.start()
        await world.move(3)
        assert (world.view.crew.workers, world.view.crew.place) == (4, 1)
        assert world.gauge() == 4
        world.view.close()

    asyncio.run(scenario())


def test_the_last_view_stays_while_the_state_is_away() -> None:
    async def scenario() -> None:
        world = World()
        await world.view.look()
        assert (world.view.crew.workers, world.view.crew.place) == (6, 2)
        world.state.crew = None
        await world.view.look()
        assert (world.view.crew.workers, world.view.crew.place) == (6, 2)
        assert world.gauge() == 6

    asyncio.run(scenario())


def test_it_looks_every_second_and_workers_do_not_look_in_step() -> None:
    async def times(worker: str) -> list[float]:
        world = World(worker)
        world.view.start()
        await world.move(20)
        world.view.close()
        assert {asker for asker, _ in world.state.asked} == {worker}
        return [at for _, at in world.state.asked]

    first, second = asyncio.run(times("a")), asyncio.run(times("b"))
    assert first != second
    gaps = [after - before for before, after in pairwise(first)]
    assert min(gaps) >= PERIOD_S * (1 - JITTER)
    assert max(gaps) <= PERIOD_S * (1 + JITTER) + 0.02
    assert len(set(gaps)) > 5


def test_closed_it_asks_no_more() -> None:
    async def scenario() -> None:
        world = World()
        world.view.start()
        world.view.start()  # a second time changes nothing
        await world.move(0.5)
        assert len(world.state.asked) == 1
        world.view.close()
        world.view.close()
        await world.move(5)
        assert len(world.state.asked) == 1

    asyncio.run(scenario())


def test_a_smaller_crew_is_believed_once_everybody_had_time_to_say_that_they_are_there() -> None:
    async def scenario() -> None:
        world = World()
        await world.view.look()
        world.state.crew = Crew(1, 0)  # the state has forgotten who was there
        world.view.start()
        await world.move(2.5)
        assert world.view.crew.workers == 6
        await world.move(2)
        assert (world.view.crew.workers, world.view.crew.place) == (1, 0)
        world.state.crew = Crew(9, 8)
        await world.move(1.2)
        assert (world.view.crew.workers, world.view.crew.place) == (9, 8)
        world.view.close()

    asyncio.run(scenario())


def test_what_was_seen_of_a_smaller_crew_does_not_count_over_a_time_without_the_state() -> None:
    async def scenario() -> None:
        world = World()
        await world.view.look()
        world.view.start()
        for _ in range(4):
            world.state.crew = Crew(1, 0)
            await world.move(2)
            world.state.crew = None
            await world.move(2)
        assert world.view.crew.workers == 6
        world.view.close()

    asyncio.run(scenario())
