from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.errors import StateAway
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leased import Inner, Leased
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.journey.limit.lease import KEPT, MOST_SUBJECTS, Leases
from sluicegate.metrics import Metrics
from sluicegate.policy import Parts
from sluicegate.state.contract import Ask, Block, Crew, Group, Limit, LimitState, Verdict
from sluicegate.state.memory import MemoryState
from support.effort import THOROUGH
from support.exchanges import parts
from support.mock_clock import MockClock

MINUTE_US = 60_000_000
START_US = 1_700_000_040_000_000
"""The beginning of a minute."""
STEP_S = 0.005


class Distant:
    """A state that is half a step away, and counts what it is asked."""

    def __init__(self, clock: MockClock, *, away_s: float = 0) -> None:
        self.inner = MemoryState(clock, Metrics())
        self.calls: Counter[str] = Counter()
        self.down = False
        self._clock = clock
        self._away_s = away_s

    async def _travel(self, what: str) -> None:
        if what:
            self.calls[what] += 1
        if self.down:
            raise StateAway("it is away")
        if self._away_s:
            await self._clock.sleep(self._away_s)

    async def take(self, asks: Sequence[Ask], ticket: str = "") -> Verdict:
        await self._travel("take")
        verdict = await self.inner.take(asks, ticket)
        await self._travel("")
        return verdict

    async def lend(self, ask: Ask, wants: Sequence[int], block: str) -> list[Block]:
        await self._travel("lend")
        blocks = await self.inner.lend(ask, wants, block)
        await self._travel("")
        return blocks

    async def give_back(self, ask: Ask, block: str, unspent: Sequence[int]) -> None:
        await self._travel("give_back")
        await self.inner.give_back(ask, block, unspent)


def group_of(*inners: Inner, cap: int) -> Group:
    limits = [Limit(f"leased-{at}", Leased(inner, cap)) for at, inner in enumerate(inners)]
    return Group("route:r|", limits)


class World:
    """Workers that share a limit, on one clock."""

    def __init__(self, group: Group, workers: int, *, away_s: float = 0) -> None:
        self.clock = MockClock(START_US)
        self.state = Distant(self.clock, away_s=away_s)
        self.group = group
        self.admitted: list[int] = []
        self.waited = 0
        tickets = count()
        self.workers = [
            Leases(group, self._parts(workers, place, lambda: f"t{next(tickets)}"))
            for place in range(workers)
        ]

    def _parts(self, workers: int, place: int, ticket: Callable[[], str]) -> Parts:
        made = parts(self.clock, state=cast("LimitState", self.state))
        made.away.view.crew = Crew(workers, place)
        return replace(made, ticket=ticket)

    async def request(self, worker: int, subject: str = "s") -> bool:
        """Ask as the limiter does; say whether it was admitted."""
        leases = self.workers[worker]
        spent = leases.spend(subject)
        if spent is None:
            self.waited += 1
            spent = await leases.refill(subject)
        if spent is not None:
            admitted = spent.admitted
        else:
            verdict = await self.state.take([Ask(self.group, subject)])
            leases.heard(subject, verdict.outcomes)
            admitted = verdict.admitted
        if admitted:
            self.admitted.append(self.clock.wall_us())
        return admitted

    def minute(self, number: int) -> int:
        """Count what was admitted in that minute from the start."""
        return sum((at - START_US) // MINUTE_US == number for at in self.admitted)

    def most_above(self, rate: float) -> float:
        """Return by how much any time saw more than `rate` units a second admitted."""
        debt, most, before = 0.0, 0.0, START_US
        for at in self.admitted:
            debt, before = max(0.0, debt - (at - before) * rate / 1e6) + 1, at
            most = max(most, debt)
        return most

    async def load(self, rates: Sequence[float], seconds: float) -> None:
        """Send that many requests a second to each worker, evenly."""
        due = [0.0] * len(rates)
        running: set[asyncio.Task[bool]] = set()
        for _ in range(round(seconds / STEP_S)):
            for worker, rate in enumerate(rates):
                due[worker] += rate * STEP_S
                while due[worker] >= 1:
                    due[worker] -= 1
                    task = asyncio.create_task(self.request(worker))
                    running.add(task)
                    task.add_done_callback(running.discard)
            await turns(4)
            self.clock.advance(STEP_S)
        await turns()
        while running:
            self.clock.advance(STEP_S)
            await turns()

    async def rest(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / STEP_S) or 1):
            self.clock.advance(min(seconds, STEP_S))
            await turns()

    async def known(self, requests: int) -> None:
        """Make a subject known that is often seen: so many are admitted, and no block is left."""
        for _ in range(requests):
            verdict = await self.state.inner.take([Ask(self.group, "s")])
            assert verdict.admitted
            self.workers[0].spend("s")
            self.workers[0].heard("s", verdict.outcomes)

    async def left(self) -> list[int]:
        """Return what the state says is left of each limit."""
        verdict = await self.state.inner.take([Ask(self.group, "s", 0)])
        return [outcome.remaining for outcome in verdict.outcomes]


async def turns(number: int = 10) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


MINUTE = FixedWindow(1000, MINUTE_US)
BUCKET = TokenBucket(1000, MINUTE_US, 1000)
EVEN = [27.8] * 6
UNEVEN = [150.0] + [3.34] * 5
"""Requests a second of six workers: ten times what 1000 a minute admits."""


# --- what is admitted ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rates", "floor"), [(EVEN, 0.97), (UNEVEN, 0.90)], ids=["even", "ninety to ten"]
)
def test_of_a_window_nearly_all_is_admitted_and_never_more(
    rates: list[float], floor: float
) -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 6, away_s=0.002)
        await world.load(rates, 120)
        for minute in (0, 1):
            assert 1000 * floor <= world.minute(minute) <= 1000

    run(scenario)


@pytest.mark.parametrize(
    ("rates", "floor"), [(EVEN, 0.97), (UNEVEN, 0.90)], ids=["even", "ninety to ten"]
)
def test_a_bucket_admits_its_cap_above_its_rate_at_most(rates: list[float], floor: float) -> None:
    async def scenario() -> None:
        world = World(group_of(BUCKET, cap=100), 6, away_s=0.002)
        await world.load(rates, 120)
        assert len(world.admitted) >= floor * (1000 + 2000)
        assert world.most_above(1000 / 60) <= 1000 + 100

    run(scenario)


def test_below_the_limit_everything_is_admitted() -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 6, away_s=0.002)
        await world.load([2.75] * 6, 60)
        assert len(world.admitted) == 6 * 165 == 990

    run(scenario)


@given(
    limit=st.integers(1, 300),
    cap=st.integers(1, 60),
    rates=st.lists(st.floats(0, 60), min_size=1, max_size=4),
    away_s=st.sampled_from([0, 0.004, 0.2]),
    windows=st.booleans(),
)
@settings(max_examples=100 if THOROUGH else 10, deadline=None)
def test_whatever_the_load_the_bound_holds_and_what_is_unspent_comes_back(
    limit: int, cap: int, rates: list[float], away_s: float, *, windows: bool
) -> None:
    second = 1_000_000
    inner = FixedWindow(limit, second) if windows else TokenBucket(limit, second, limit)

    async def scenario() -> None:
        world = World(group_of(inner, cap=cap), len(rates), away_s=away_s)
        await world.load(rates, 5)
        if windows:
            by_second = Counter(at // second for at in world.admitted)
            # An exact answer that comes late counts where it was decided.
            assert not by_second or max(by_second.values()) <= limit * (2 if away_s else 1)
            assert len(world.admitted) <= limit * (6 + round(away_s * 10))
        else:
            assert world.most_above(limit) <= limit * (1 + 2 * away_s) + cap + 1
        await world.rest(3)
        assert [leases.held() for leases in world.workers] == [0] * len(rates)
        assert await world.left() == [limit]

    run(scenario)


# --- who waits ----------------------------------------------------------------------------------


def test_far_from_the_limit_nobody_waits_and_a_block_serves_many() -> None:
    async def scenario() -> None:
        world = World(group_of(FixedWindow(1_000_000, MINUTE_US), cap=100_000), 1, away_s=0.002)
        await world.load([200], 2)
        world.waited = 0
        world.state.calls.clear()
        await world.load([200], 5)
        assert world.waited == 0
        assert world.state.calls["take"] == 0
        assert world.state.calls["lend"] <= 10
        assert world.minute(0) == 7 * 200

    run(scenario)


def test_a_subject_that_is_seldom_seen_costs_one_call_a_request() -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 1)
        await world.load([0.5], 20)
        assert world.state.calls == {"take": len(world.admitted)}

    run(scenario)


def test_where_the_cap_is_too_small_to_lend_it_counts_exactly() -> None:
    async def scenario() -> None:
        world = World(group_of(FixedWindow(10, MINUTE_US), cap=1), 6)
        await world.load([2.0] * 6, 10)
        assert world.minute(0) == 10
        assert set(world.state.calls) == {"take"}

    run(scenario)


def test_all_who_wait_wait_for_one_call() -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 1, away_s=0.02)
        await world.known(10)
        world.state.calls.clear()
        asking = [asyncio.create_task(world.request(0)) for _ in range(5)]
        await turns()
        asking[0].cancel()
        await world.rest(0.1)
        assert world.state.calls == {"lend": 1}
        assert [task.cancelled() for task in asking] == [True] + [False] * 4
        assert all(task.result() for task in asking[1:])

    run(scenario)


# --- refusals -----------------------------------------------------------------------------------


def test_a_refusal_is_remembered_for_a_while_and_then_asked_again() -> None:
    async def scenario() -> None:
        world = World(group_of(FixedWindow(5, MINUTE_US), cap=1), 1)
        assert [await world.request(0) for _ in range(7)] == [True] * 5 + [False] * 2
        assert world.state.calls["take"] == 6
        world.clock.advance(0.2)
        assert not await world.request(0)
        assert world.state.calls["take"] == 6
        world.clock.advance(0.06)
        assert not await world.request(0)
        assert world.state.calls["take"] == 7
        spent = world.workers[0].spend("s")
        assert spent is not None
        assert not spent.admitted
        (outcome,) = spent.outcomes
        assert (outcome.limit, outcome.remaining) == (5, 0)
        assert outcome.retry_after_us == outcome.reset_us > 59_000_000
        world.clock.advance(60)
        assert await world.request(0)

    run(scenario)


def test_what_one_of_two_limits_lent_in_vain_is_given_back_at_once() -> None:
    async def scenario() -> None:
        day = FixedWindow(100_000, 1440 * MINUTE_US)
        world = World(group_of(FixedWindow(10, MINUTE_US), day, cap=10), 1)
        await world.known(10)
        refused = await world.request(0)
        assert not refused
        await turns()
        assert await world.left() == [0, 100_000 - 10]

    run(scenario)


# --- blocks -------------------------------------------------------------------------------------


def test_each_request_is_told_what_is_left_with_its_own_unit_gone() -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 1)
        await world.known(10)
        await world.request(0)
        told = []
        for _ in range(3):
            spent = world.workers[0].spend("s")
            assert spent is not None
            assert spent.admitted
            told.append(spent.outcomes[0].remaining)
        assert told == [988, 987, 986]

    run(scenario)


def test_what_another_limit_refused_is_put_back_and_spent_by_the_next() -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 1)
        await world.known(10)
        await world.request(0)
        held = world.workers[0].held()
        spent = world.workers[0].spend("s")
        assert spent is not None
        assert world.workers[0].held() == held - 1
        spent.put_back()
        assert world.workers[0].held() == held
        await world.rest(3)
        assert await world.left() == [1000 - 11]
        spent.put_back()  # its block has ended: it is lost
        assert world.workers[0].held() == 0
        assert await world.left() == [1000 - 11]

    run(scenario)


def test_a_block_ends_before_the_state_ends_it_counted_from_before_the_call() -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 1, away_s=0.2)
        await world.known(10)
        started = world.clock.monotonic()
        asking_once = asyncio.create_task(world.request(0))
        await world.rest(0.5)
        assert asking_once.result()
        assert world.workers[0].held() > 0
        world.clock.advance(KEPT - (world.clock.monotonic() - started) - 0.001)
        spent = world.workers[0].spend("s")
        assert spent is not None
        assert spent.admitted
        await world.rest(0.02)
        assert world.workers[0].held() == 0
        assert world.workers[0].spend("s") is None
        await world.rest(1)
        assert await world.left() == [1000 - 12]

    run(scenario)


def test_what_comes_back_too_late_is_burned() -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 1)
        await world.known(10)
        await world.request(0)
        held = world.workers[0].held()
        assert held > 0
        world.state.down = True
        await world.rest(3)
        assert world.workers[0].held() == 0
        world.state.down = False
        assert await world.left() == [1000 - 11 - held]

    run(scenario)


def test_a_worker_that_dies_takes_no_more_than_its_block_with_it() -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 2)
        await world.known(40)
        await world.request(0)
        held = world.workers[0].held()
        dead = world.workers.pop(0)
        dead._state = cast("LimitState", Distant(world.clock))  # whatever it says, nobody hears it
        await world.load([100], 30)
        assert 0 < held <= 50
        assert len(world.admitted) == 1000 - 40 - held

    run(scenario)


def test_while_the_state_is_away_the_block_at_hand_is_spent_and_then_it_says_so() -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 1)
        await world.known(10)
        await world.request(0)
        held = world.workers[0].held()
        world.state.down = True
        assert [await world.request(0) for _ in range(held)] == [True] * held
        with pytest.raises(StateAway):
            await world.request(0)

    run(scenario)


# --- memory -------------------------------------------------------------------------------------


def test_subjects_that_are_gone_are_forgotten_and_an_idle_worker_has_no_timer() -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 1)
        (leases,) = world.workers
        for number in range(50):
            await world.request(0, f"subject {number}")
        assert len(leases._young) == 50
        await world.rest(5)
        assert not leases._young
        assert not leases._old
        assert leases._timer is None

    run(scenario)


def test_no_more_subjects_are_kept_than_twice_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        world = World(group_of(MINUTE, cap=100), 1)
        (leases,) = world.workers
        for number in range(100):
            leases.spend(f"subject {number}")
        assert len(leases._young) + len(leases._old) <= 20

    assert MOST_SUBJECTS <= 100_000
    monkeypatch.setattr("sluicegate.journey.limit.lease.MOST_SUBJECTS", 10)
    run(scenario)
