from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sluicegate.clock import Clock
from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.state.memory import MemoryState
from sluicegate.upstream.models.cooldowns import MOST_AT_ONCE, PERIOD_S
from support.counting import counting
from support.mock_clock import MockClock
from support.model_pools import ModelWorld, failure
from support.valkey import Valkey

TWO: dict[str, Any] = {"deployments": [{"provider": "a", "model": "m"}, {"provider": "b"}]}


class FlakyState(MemoryState):
    """A state that is away when a test says so."""

    away = False

    async def mark(self, lives_ms: Mapping[str, int]) -> None:
        if self.away:
            raise StateAway("away")
        await super().mark(lives_ms)

    async def marks(self, names: Sequence[str]) -> list[int]:
        assert len(names) <= MOST_AT_ONCE
        if self.away:
            raise StateAway("away")
        return await super().marks(names)


def worlds() -> tuple[MockClock, FlakyState, ModelWorld, ModelWorld]:
    """Return two workers of one state."""
    clock = MockClock()
    state = FlakyState(clock, Metrics())
    return clock, state, ModelWorld(state, clock), ModelWorld(state, clock)


async def turn() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


def test_what_one_worker_was_told_all_others_know_a_second_later() -> None:
    async def work() -> None:
        clock, _, here, there = worlds()
        mine, theirs = here.pool("chat", TWO), there.pool("chat", TWO)
        there.cooldowns.start()
        await turn()
        mine.deployments[0].failed(failure("rate_limited", 30), clock.monotonic())
        await turn()
        assert theirs.deployments[0].available
        clock.advance(PERIOD_S)
        await turn()
        assert [each.available for each in theirs.deployments] == [False, True]
        assert theirs.deployments[0].rests_for == "rate_limited"
        clock.advance(28)
        await turn()
        assert not theirs.deployments[0].available
        clock.advance(1)
        await turn()
        assert theirs.deployments[0].available
        await there.cooldowns.close()

    asyncio.run(work())


def test_deployments_of_one_name_belong_to_their_model() -> None:
    async def work() -> None:
        clock, _, here, there = worlds()
        mine = here.pool("chat", TWO)
        same, other = there.pool("chat", TWO), there.pool("other", TWO)
        mine.deployments[0].failed(failure("rate_limited"), clock.monotonic())
        await turn()
        await there.cooldowns.look()
        assert not same.deployments[0].available
        assert other.deployments[0].available

    asyncio.run(work())


def test_the_deployment_of_another_snapshot_rests_too() -> None:
    async def work() -> None:
        clock, _, here, _ = worlds()
        old, new = here.pool("chat", TWO), here.pool("chat", TWO)
        old.deployments[0].failed(failure("rate_limited"), clock.monotonic())
        assert not new.deployments[0].available
        old.close()
        new.deployments[1].failed(failure("rate_limited"), clock.monotonic())
        assert old.deployments[1].available

    asyncio.run(work())


def test_while_the_state_is_away_each_knows_what_it_has_found_out() -> None:
    async def work() -> None:
        clock, state, here, there = worlds()
        mine, theirs = here.pool("chat", TWO), there.pool("chat", TWO)
        state.away = True
        mine.deployments[0].failed(failure("rate_limited", 60), clock.monotonic())
        await turn()
        await there.cooldowns.look()
        assert not mine.deployments[0].available
        assert theirs.deployments[0].available
        state.away = False
        mine.deployments[0].failed(failure("rate_limited", 90), clock.monotonic())
        await turn()
        await there.cooldowns.look()
        assert not theirs.deployments[0].available

    asyncio.run(work())


def test_looking_begins_with_the_first_model_and_ends_with_the_last() -> None:
    async def work() -> None:
        clock, _, here, there = worlds()
        there.cooldowns.start()
        await turn()
        theirs = there.pool("chat", TWO)
        here.pool("chat", TWO).deployments[0].failed(failure("rate_limited"), clock.monotonic())
        await turn()
        await turn()
        clock.advance(PERIOD_S)
        await turn()
        assert not theirs.deployments[0].available
        theirs.close()
        clock.advance(PERIOD_S)
        await turn()
        assert len(asyncio.all_tasks()) == 1
        await there.cooldowns.close()

    asyncio.run(work())


def test_many_deployments_are_asked_for_in_parts() -> None:
    async def work() -> None:
        clock, _, here, there = worlds()
        many = {"deployments": [{"provider": f"p{number}"} for number in range(MOST_AT_ONCE)]}
        mine, theirs = here.pool("chat", many), there.pool("chat", many)
        mine.deployments[-1].failed(failure("rate_limited"), clock.monotonic())
        await turn()
        await there.cooldowns.look()
        assert [each.available for each in theirs.deployments].count(False) == 1
        assert not theirs.deployments[-1].available

    asyncio.run(work())


def test_it_is_counted_why_somebody_rests() -> None:
    async def work() -> None:
        world = ModelWorld()
        pool = world.pool("chat", TWO)
        pool.deployments[0].failed(failure("quota"), world.clock.monotonic())
        labels = ("chat", "a/m", "quota")
        assert world.counted("sluicegate_model_cooldowns_total", *labels) == 1

    asyncio.run(work())


def test_two_replicas_of_a_real_state_share_what_they_know(valkey: Valkey) -> None:
    with counting(valkey.url) as one, counting(valkey.url) as other:

        async def find_out() -> None:
            world = ModelWorld(one.state)
            pool = world.pool("chat", TWO)
            pool.deployments[0].failed(failure("rate_limited", 60), world.clock.monotonic())
            await world.cooldowns.close()

        async def hear() -> list[float]:
            world = ModelWorld(other.state)
            pool = world.pool("chat", TWO)
            await world.cooldowns.look()
            now = world.clock.monotonic()
            return [each.retry_after_s(now) for each in pool.deployments]

        one.call(find_out())
        rests = other.call(hear())
        assert rests[0] == pytest.approx(60, abs=20)
        assert rests[1] == 0


def test_the_machines_clock_does_as_well() -> None:
    async def work() -> None:
        world = ModelWorld(MemoryState(Clock(), Metrics()))
        world.pool("chat", TWO)
        world.cooldowns.start()
        await turn()
        await world.cooldowns.close()

    asyncio.run(work())
