from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.hash_key import key_of
from sluicegate.upstream.models.deployment import Deployment
from support.model_pools import ModelWorld

KEYS = [key_of(str(at).encode()) for at in range(1000)]


def deployment(name: str, **more: Any) -> dict[str, Any]:
    return {"provider": "p", "name": name, **more}


def names(found: list[Deployment | None]) -> Counter[str]:
    return Counter(each.name if each else "" for each in found)


def picks(config: dict[str, Any], out: str = "", region: str | None = None) -> Counter[str]:
    """Return who is picked how often of 1000 times, with those of `out` resting."""
    pool = ModelWorld().pool("chat", config, region=region)
    for each in pool.deployments:
        each.available = each.name not in out
    return names([pool.pick() for _ in range(1000)])


def test_calls_are_shared_by_weight_and_a_weight_of_0_takes_none() -> None:
    config = {
        "deployments": [
            deployment("a", weight=3),
            deployment("b"),
            deployment("c", weight=0),
        ]
    }
    assert picks(config) == {"a": 750, "b": 250}
    assert picks(config, out="ab") == {"": 1000}


def test_those_of_the_next_priority_stand_by() -> None:
    config = {
        "deployments": [
            deployment("z", priority=7),
            deployment("a", priority=1),
            deployment("b", priority=1),
        ]
    }
    assert picks(config) == {"a": 500, "b": 500}
    assert picks(config, out="a") == {"b": 1000}
    assert picks(config, out="ab") == {"z": 1000}


def test_the_own_region_is_preferred_within_a_priority() -> None:
    config = {
        "deployments": [
            deployment("far", region="eu", weight=100),
            deployment("near", region="us"),
            deployment("anywhere"),
            deployment("first-of-standbys", region="us", priority=1),
        ]
    }
    assert picks(config, region="us") == {"near": 1000}
    assert set(picks(config, out="near", region="us")) == {"far", "anywhere"}
    assert picks(config, out="far,anywhere", region="eu") == {"near": 1000}
    assert len(picks(config, region="ap")) == 3


def test_the_least_busy_of_two_is_next() -> None:
    config = {"balance": "least_busy", "deployments": [deployment("a"), deployment("b")]}
    pool = ModelWorld().pool("chat", config)
    for _ in range(3):
        pool.deployments[0].began()
    assert names([pool.pick() for _ in range(100)]) == {"b": 100}


def test_the_one_that_is_quick_to_its_first_token_is_next() -> None:
    config = {"balance": "first_token", "deployments": [deployment("a"), deployment("b")]}
    world = ModelWorld()
    pool = world.pool("chat", config)
    for each, seconds in zip(pool.deployments, (0.9, 0.3), strict=True):
        each.answered(seconds, world.clock.monotonic())
    assert names([pool.pick() for _ in range(100)]) == {"b": 100}


STICKY = {
    "sticky": {"by": "prompt"},
    "deployments": [
        deployment("a", region="us"),
        deployment("b", region="us", weight=2),
        deployment("c", region="eu"),
        deployment("d", priority=1),
    ],
}


def test_a_key_stays_where_it_is_and_falls_to_the_next_while_that_rests() -> None:
    pool = ModelWorld().pool("chat", STICKY)
    homes = [pool.pick((), key) for key in KEYS]
    assert [pool.pick((), key) for key in KEYS] == homes
    assert names(homes)["b"] / 1000 == pytest.approx(0.5, abs=0.06)
    resting = pool.deployments[1]
    resting.available = False
    for key, home in zip(KEYS, homes, strict=True):
        found = pool.pick((), key)
        assert found is not resting
        assert home is resting or found is home
    resting.available = True
    assert [pool.pick((), key) for key in KEYS] == homes


def test_a_key_goes_by_region_and_priority_as_everything_does() -> None:
    pool = ModelWorld().pool("chat", STICKY, region="us")
    assert set(names([pool.pick((), key) for key in KEYS])) == {"a", "b"}
    a, b, c, d = pool.deployments
    assert {pool.pick((a, b), key) for key in KEYS} == {c}
    assert {pool.pick((a, b, c), key) for key in KEYS} == {d}
    assert {pool.pick(pool.deployments, key) for key in KEYS} == {None}


@given(
    states=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans(), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    balance=st.sampled_from(["weight", "least_busy", "first_token"]),
    key=st.none() | st.integers(0, 2**64 - 1),
)
def test_a_pick_has_the_lowest_priority_of_those_that_can_be_had(
    states: list[tuple[int, int, bool, bool]], balance: str, key: int | None
) -> None:
    config = {
        "balance": balance,
        "deployments": [
            deployment(f"d{at}", weight=weight, priority=priority, region="us" if at % 2 else "eu")
            for at, (weight, priority, _, _) in enumerate(states)
        ],
    }
    pool = ModelWorld().pool("chat", config, region="us")
    tried = []
    usable = []
    for each, (weight, _, available, excluded) in zip(pool.deployments, states, strict=True):
        each.available = available
        if excluded:
            tried.append(each)
        elif weight and available:
            usable.append(each)
    found = pool.pick(tried, key)
    assert pool.has_another(tried) is bool(usable)
    if not usable:
        assert found is None
    else:
        assert found in usable
        assert found.config.priority == min(each.config.priority for each in usable)
