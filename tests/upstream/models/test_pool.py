from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec import Raw

from sluicegate.errors import ConfigError
from sluicegate.model.model import Model
from sluicegate.model.units import convert
from sluicegate.upstream.models.deployment import FAILING, LIMITED, REFUSED
from sluicegate.upstream.models.pool import ModelPool
from support.exchanges import exchange
from support.model_pools import ModelWorld, failure

THREE: dict[str, Any] = {
    "deployments": [
        {"provider": "p", "name": "a"},
        {"provider": "p", "name": "b"},
        {"provider": "p", "name": "idle", "weight": 0},
    ]
}


def test_a_provider_that_is_not_there_is_a_fault_at_its_place() -> None:
    world = ModelWorld()
    model = convert({"deployments": [{"provider": "x"}]}, Model)
    shared = cast("Any", SimpleNamespace(clock=world.clock, metrics=world.metrics))
    with pytest.raises(ConfigError) as caught:
        ModelPool("chat", model, {}, shared, world.cooldowns)
    assert caught.value.faults[0].path == "models.chat.deployments[0].provider"


def test_a_deployment_is_found_by_its_name_whatever_its_weight() -> None:
    pool = ModelWorld().pool("chat", THREE)
    assert pool.find("idle") is pool.deployments[2]
    assert pool.find("nobody") is None


def test_a_pool_of_a_new_snapshot_goes_on_as_the_one_before() -> None:
    async def work() -> None:
        world = ModelWorld()
        old = world.pool("chat", THREE)
        now = world.clock.monotonic()
        old.deployments[0].failed(failure("rate_limited", 30), now)
        for _ in range(2):
            old.deployments[1].failed(failure("server_error"), now, 3.0)
        more = {"deployments": [*THREE["deployments"], {"provider": "p", "name": "new"}]}
        new = world.pool("chat", more, previous=old)
        old.close()
        assert [each.available for each in new.deployments] == [False, True, True, True]
        assert new.deployments[0].retry_after_s(now) == 30
        assert new.deployments[1].latency.at(now) == 3.0
        new.deployments[1].failed(failure("server_error"), now)
        assert not new.deployments[1].available
        world.clock.advance(30)
        assert new.deployments[0].available

    asyncio.run(work())


def test_the_last_resort_is_who_failed_and_not_who_wants_to_be_left_alone() -> None:
    async def work() -> None:
        pool = ModelWorld().pool("chat", THREE)
        a, b, idle = pool.deployments
        a.rest(FAILING, 20)
        b.rest(FAILING, 10)
        idle.rest(FAILING, 5)
        assert pool.pick() is None
        assert pool.last_resort() is b
        assert pool.last_resort([b]) is a
        b.rest(LIMITED, 30)
        assert pool.last_resort([a]) is None
        a.rest(REFUSED, 30)
        assert pool.last_resort() is None

    asyncio.run(work())


@pytest.mark.parametrize(
    ("reasons", "status", "kind"),
    [
        ((LIMITED, LIMITED), 429, "rate_limited"),
        ((LIMITED, FAILING), 503, "unavailable"),
        ((FAILING, FAILING), 503, "unavailable"),
        ((REFUSED, REFUSED), 503, "unavailable"),
    ],
)
def test_nobody_left_to_ask_says_when_to_come_again(
    reasons: tuple[str, str], status: int, kind: str
) -> None:
    async def work() -> None:
        pool = ModelWorld().pool("chat", THREE)
        for each, reason, seconds in zip(pool.deployments, reasons, (40, 25), strict=False):
            each.rest(reason, seconds)
        said = pool.exhausted()
        assert (said.status, said.kind, said.retry_after_s) == (status, kind, 25)
        assert said.ours

    asyncio.run(work())


def test_limits_that_are_used_up_are_a_429_too() -> None:
    quota = SimpleNamespace(retry_after_s=lambda _now: 3.0)
    config = {"deployments": THREE["deployments"][:2]}
    pool = ModelWorld().pool("chat", config, quota=lambda *_: cast("Any", quota))
    said = pool.exhausted()
    assert (said.status, said.retry_after_s) == (429, 3.0)


def test_a_model_that_nobody_may_be_asked_for_is_unavailable() -> None:
    pool = ModelWorld().pool("chat", {"deployments": [{"provider": "p", "weight": 0}]})
    said = pool.exhausted()
    assert (said.status, said.kind, said.retry_after_s) == (503, "unavailable", None)


def test_it_is_exposed_who_rests_and_what_fell_back() -> None:
    async def work() -> None:
        world = ModelWorld()
        pool = world.pool("chat", THREE)
        pool.deployments[0].rest(FAILING, 5)
        pool.fell_back("other", "timeout")
        shown = [
            world.counted("sluicegate_model_deployment_available", "chat", each)
            for each in ("a", "b")
        ]
        assert shown == [0, 1]
        labels = ("chat", "other", "timeout")
        assert world.counted("sluicegate_model_fallbacks_total", *labels) == 1

    asyncio.run(work())


def test_hedging_and_stickiness_are_off_unless_asked_for() -> None:
    plain = ModelWorld().pool("chat", THREE)
    assert plain.hedging is None
    fields = {"messages": Raw(b"[]")}
    assert plain.sticky_key(exchange(), fields) is None
    more = {**THREE, "hedge": {}, "sticky": {}}
    pool = ModelWorld().pool("chat", more)
    assert pool.hedging is not None
    assert pool.sticky_key(exchange(), fields) is not None
