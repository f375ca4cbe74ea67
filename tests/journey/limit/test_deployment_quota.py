from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from sluicegate.errors import StateAway
from sluicegate.journey.limit.deployment_quota import DeploymentQuota, deployment_quota
from sluicegate.metrics import Metrics
from sluicegate.model.model import Deployment
from sluicegate.model.resource import FieldFault
from sluicegate.policy import Parts
from sluicegate.state.contract import Ask, Verdict
from sluicegate.state.memory import MemoryState
from support.exchanges import counted, exchange, parts
from support.mock_clock import MockClock

ASKED = exchange()


class FlakyState(MemoryState):
    """A state that is away, or silent, when a test says so."""

    away = silent = False

    async def take(self, asks: Sequence[Ask], ticket: str = "") -> Verdict:
        if self.away:
            raise StateAway("away")
        verdict = await super().take(asks, ticket)
        if self.silent:
            await asyncio.Future()
        return verdict


def quota(made: Parts, name: str = "a", **config: Any) -> DeploymentQuota:
    found = deployment_quota("chat", Deployment(provider="p", **config), name, made)
    assert found is not None
    return found


async def admitted(limits: DeploymentQuota, calls: int) -> int:
    return len([held for _ in range(calls) if (held := await limits.admit(ASKED))])


async def turn() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


def test_a_deployment_without_limits_has_no_quota() -> None:
    made = parts(MockClock())
    assert deployment_quota("chat", Deployment(provider="p"), "a", made) is None


def test_what_the_provider_lets_us_have_is_had_and_no_more() -> None:
    async def work() -> None:
        clock = MockClock()
        limits = quota(parts(clock), allow=["3/second", "4/minute"])
        assert await admitted(limits, 5) == 3
        assert 0 < limits.retry_after_s(clock.monotonic()) <= 1
        clock.advance(1)
        assert limits.retry_after_s(clock.monotonic()) == 0
        assert await admitted(limits, 5) == 1

    asyncio.run(work())


def test_slots_are_free_again_when_calls_end() -> None:
    async def work() -> None:
        limits = quota(parts(MockClock()), concurrent=2)
        first, second = await limits.admit(ASKED), await limits.admit(ASKED)
        assert first is not None
        assert second is not None
        assert await limits.admit(ASKED) is None
        first.release()
        first.release()
        await turn()
        assert await admitted(limits, 3) == 1

    asyncio.run(work())


def test_where_one_limit_refuses_nothing_is_taken() -> None:
    async def work() -> None:
        limits = quota(parts(MockClock()), allow=["100/minute"], concurrent=1)
        held = await limits.admit(ASKED)
        assert held is not None
        assert await admitted(limits, 200) == 0
        held.release()
        await turn()
        for _ in range(99):
            held = await limits.admit(ASKED)
            assert held is not None
            held.release()
            await turn()
        assert await limits.admit(ASKED) is None

    asyncio.run(work())


def test_slots_of_long_calls_do_not_expire() -> None:
    async def work() -> None:
        clock = MockClock()
        limits = quota(parts(clock), concurrent=1)
        held = await limits.admit(ASKED)
        assert held is not None
        for _ in range(100):
            clock.advance(10)
            await turn()
        assert await limits.admit(ASKED) is None
        held.release()
        await turn()
        assert await admitted(limits, 1) == 1

    asyncio.run(work())


def test_replicas_share_a_deployments_limits_and_deployments_do_not() -> None:
    async def work() -> None:
        clock = MockClock()
        state = MemoryState(clock, Metrics())
        here, there = (quota(parts(clock, state=state), allow=["3/minute"]) for _ in range(2))
        other = quota(parts(clock, state=state), "b", allow=["3/minute"])
        assert await admitted(here, 2) + await admitted(there, 2) == 3
        assert await admitted(other, 4) == 3

    asyncio.run(work())


def test_while_the_state_is_away_each_worker_has_its_part() -> None:
    async def work() -> None:
        clock = MockClock()
        state = FlakyState(clock, Metrics())
        made = parts(clock, state=state, workers=2)
        limits = quota(made, allow=["10/minute"])
        state.away = True
        assert await admitted(limits, 20) == 5
        scope = "model:chat:a"
        assert counted(made, "sluicegate_limit_degraded_total", scope, "share") == 6

    asyncio.run(work())


def test_who_gives_up_waiting_for_the_state_holds_no_slot() -> None:
    async def work() -> None:
        clock = MockClock()
        state = FlakyState(clock, Metrics())
        limits = quota(parts(clock, state=state), concurrent=1)
        state.silent = True
        asking = asyncio.ensure_future(limits.admit(ASKED))
        await turn()
        asking.cancel()
        await turn()
        state.silent = False
        assert await admitted(limits, 2) == 1

    asyncio.run(work())


def test_takes_and_refusals_are_counted_at_the_deployments_place() -> None:
    async def work() -> None:
        made = parts(MockClock())
        limits = quota(made, allow=["2/minute"])
        await admitted(limits, 3)
        scope = "model:chat:a"
        assert limits.scope == scope
        assert counted(made, "sluicegate_limit_admitted_total", scope) == 2
        assert counted(made, "sluicegate_limit_refused_total", scope, "2-minute") == 1

    asyncio.run(work())


def test_what_is_no_allowance_is_refused_at_its_place() -> None:
    with pytest.raises(FieldFault) as caught:
        quota(parts(MockClock()), allow=["5/minute", "many"])
    assert caught.value.part == ("allow", 1)
