from __future__ import annotations

from random import Random

import pytest

from sluicegate.model.resilience import ConsistentHash as HashConfig
from sluicegate.model.resilience import HashBalance
from sluicegate.model.service import Service
from sluicegate.upstream.balance import Balance
from sluicegate.upstream.balance.build import build
from sluicegate.upstream.balance.consistent_hash import ConsistentHash
from sluicegate.upstream.balance.least_requests import LeastRequests
from sluicegate.upstream.balance.peak_ewma import PeakEwma
from sluicegate.upstream.balance.weighted_round_robin import WeightedRoundRobin
from sluicegate.upstream.balance.zones import ZonePreference
from support.mock_clock import MockClock
from support.targets import Target

CONFIGURED = {
    "least_requests": LeastRequests,
    "weighted_round_robin": WeightedRoundRobin,
    "peak_ewma": PeakEwma,
}


def placed(*zones: str | None) -> list[Target]:
    return [Target(1, f"10.0.0.{at}:80", zone) for at, zone in enumerate(zones)]


def built(config: Service, given: list[Target], zone: str | None = None) -> Balance[Target]:
    return build(config, given, MockClock(), zone)


@pytest.mark.parametrize("name", CONFIGURED)
def test_each_algorithm_is_had_by_its_name(name: str) -> None:
    config = Service(targets=["http://a"], balance=name)  # type: ignore[arg-type]  # a parameter
    assert type(built(config, placed(None, None))) is CONFIGURED[name]


def test_a_hash_is_built_with_its_bound() -> None:
    balance = HashBalance(consistent_hash=HashConfig(by="ip", max_load=100))
    first, second = given = placed(None, None)
    found = built(Service(targets=["http://a"], balance=balance), given)
    assert type(found) is ConsistentHash
    first.in_flight, second.in_flight = 5, 4
    # The mean of 10 calls is 5: only the second has room.
    assert {found.pick((), Random(at).getrandbits(64)) for at in range(50)} == {second}


@pytest.mark.parametrize("name", CONFIGURED)
def test_where_the_own_zone_has_targets_they_are_preferred(name: str) -> None:
    config = Service(targets=["http://a"], balance=name)  # type: ignore[arg-type]  # a parameter
    given = placed("a", "b", None, "a")
    found = built(config, given, "a")
    assert type(found) is ZonePreference
    assert {found.pick() for _ in range(100)} == {given[0], given[3]}
    assert {found.pick({given[0], given[3]}) for _ in range(100)} == {given[1], given[2]}


@pytest.mark.parametrize(
    ("zones", "own"),
    [(["a", "b"], None), (["a", "b"], "c"), (["a", "a"], "a"), ([None, None], "a"), ([], "a")],
)
def test_where_there_is_nothing_to_prefer_there_are_no_zones(
    zones: list[str | None], own: str | None
) -> None:
    assert type(built(Service(targets=["http://a"]), placed(*zones), own)) is LeastRequests
