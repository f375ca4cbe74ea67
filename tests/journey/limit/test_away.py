from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leased import Leased
from sluicegate.journey.limit.algorithms.slots import Slots
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.journey.limit.away import MOST_PARTS, Away, Nothing
from sluicegate.metrics import Metrics
from sluicegate.state.contract import Algorithm, Ask, Crew, Group, Limit, Outcome
from sluicegate.state.live import LiveView
from sluicegate.state.memory import MemoryState
from support.mock_clock import MockClock

MINUTE_US = 60_000_000
START_US = 1_700_000_040_000_000


class Worker:
    """One worker that cannot reach the state."""

    def __init__(self, clock: MockClock, workers: int, place: int) -> None:
        metrics = Metrics()
        state = MemoryState(clock, metrics)
        self.view = LiveView(state, clock, metrics, "worker", Crew(workers, place))
        self.away = Away(state, self.view)

    async def share(self, group: Group, times: int = 1, *, subject: str = "s") -> int:
        """Ask so many times; count what was admitted."""
        asks = [self.away.part(Ask(group, subject)) for _ in range(times)]
        return sum([(await self.away.state.take([ask], "t")).admitted for ask in asks])

    async def ask(self, group: Group) -> list[Outcome]:
        return (await self.away.state.take([self.away.part(Ask(group, "s"))])).outcomes


def group_of(*algorithms: Algorithm) -> Group:
    return Group("g|", [Limit(f"l{at}", each) for at, each in enumerate(algorithms)])


@given(limit=st.integers(1, 40), workers=st.integers(1, 12))
def test_the_parts_of_all_workers_add_up_to_the_limit(limit: int, workers: int) -> None:
    async def scenario() -> None:
        group = group_of(FixedWindow(limit, MINUTE_US))
        clock = MockClock(START_US)
        parts = [await Worker(clock, workers, at).share(group, limit + 1) for at in range(workers)]
        assert sum(parts) == limit
        assert max(parts) - min(parts) <= 1

    asyncio.run(scenario())


def test_each_of_several_limits_is_divided() -> None:
    async def scenario() -> None:
        group = group_of(FixedWindow(100, MINUTE_US), FixedWindow(12, MINUTE_US))
        worker = Worker(MockClock(START_US), 3, 0)
        assert [outcome.limit for outcome in await worker.ask(group)] == [34, 4]
        assert await worker.share(group, 10) == 3

    asyncio.run(scenario())


def test_whose_part_is_nothing_is_refused_until_the_period_is_over() -> None:
    async def scenario() -> None:
        group = group_of(FixedWindow(2, MINUTE_US))
        worker = Worker(MockClock(START_US), 3, 2)
        (outcome,) = await worker.ask(group)
        assert not outcome.admitted
        assert (outcome.limit, outcome.remaining) == (2, 0)
        assert outcome.reset_us == outcome.retry_after_us == MINUTE_US

    asyncio.run(scenario())


def test_local_admits_the_limit_as_it_is() -> None:
    async def scenario() -> None:
        group = group_of(FixedWindow(5, MINUTE_US))
        worker = Worker(MockClock(START_US), 3, 0)
        state = worker.away.state
        admitted = [(await state.take([Ask(group, "s")])).admitted for _ in range(6)]
        assert admitted == [True] * 5 + [False]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "whole",
    [TokenBucket(60, MINUTE_US, 12), Leased(FixedWindow(60, MINUTE_US), 6), Slots(6, MINUTE_US)],
    ids=["bucket", "leased", "slots"],
)
def test_every_way_to_count_can_be_divided(whole: Algorithm) -> None:
    async def scenario() -> None:
        worker = Worker(MockClock(START_US), 3, 1)
        (outcome,) = await worker.ask(group_of(whole))
        assert outcome.admitted
        assert outcome.limit == whole.limit // 3

    asyncio.run(scenario())


def test_counts_go_on_when_the_view_changes() -> None:
    async def scenario() -> None:
        group = group_of(FixedWindow(12, MINUTE_US))
        worker = Worker(MockClock(START_US), 2, 0)
        assert await worker.share(group, 4) == 4
        worker.view.crew = Crew(3, 0)
        assert await worker.share(group) == 0  # four of four
        worker.view.crew = Crew(1, 0)
        assert await worker.share(group, 20) == 8

    asyncio.run(scenario())


def test_a_part_is_made_once_as_long_as_the_view_is_the_same() -> None:
    group = group_of(FixedWindow(12, MINUTE_US))
    worker = Worker(MockClock(START_US), 2, 0)
    first = worker.away.part(Ask(group, "a", 3))
    worker.view.crew = Crew(2, 0)
    second = worker.away.part(Ask(group, "b"))
    assert first.group is second.group
    assert (first.subject, first.cost) == ("a", 3)
    worker.view.crew = Crew(2, 1)
    assert worker.away.part(Ask(group, "a")).group is not first.group


def test_a_part_settles_and_shadows_as_the_whole_does() -> None:
    limit = Limit("l", FixedWindow(12, MINUTE_US))
    worker = Worker(MockClock(START_US), 2, 0)
    part = worker.away.part(Ask(Group("g|", [limit], settles=True, shadow=True), "s")).group
    assert (part.place, part.settles, part.shadow) == ("g|", True, True)


def test_parts_of_configurations_that_are_gone_do_not_pile_up() -> None:
    worker = Worker(MockClock(START_US), 2, 0)
    for _ in range(MOST_PARTS + 10):
        worker.away.part(Ask(group_of(FixedWindow(12, MINUTE_US)), "s"))
    assert len(worker.away._parts) <= MOST_PARTS


def test_nothing_takes_no_charge_and_has_no_parts() -> None:
    nothing = Nothing(FixedWindow(3, MINUTE_US))
    assert nothing.adjust(None, 0, 0, 5) == ()
    assert nothing.adjust((1,), 0, 0, -5) == (1,)
    assert nothing.share(2, 0) is None
    outcome, counts = nothing.decide(None, 0, 0)
    assert outcome.admitted  # asking what is left costs nothing
    assert (outcome.remaining, outcome.retry_after_us, counts) == (0, 0, ())
    month = Nothing(FixedWindow(1, 0)).decide(None, 0, 1)[0]
    assert month.retry_after_us == 31 * 86_400_000_000
