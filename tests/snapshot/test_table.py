from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from sluicegate.errors import METHOD_NOT_ALLOWED, NO_ROUTE, UNAVAILABLE, Refused
from sluicegate.journey.route.host_path import Candidate, RouteIndex
from sluicegate.model.route import Match, Route
from sluicegate.snapshot.keys import KeyDirectory
from sluicegate.snapshot.table import CompiledRoute, Snapshot
from sluicegate.upstream.models.table import ModelTable
from support.exchanges import exchange

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.run import Handler

ANYTHING = Route(match=Match())


async def nothing(_exchange: Exchange) -> None:
    """Do nothing."""


def handler(_plan: str | None) -> Handler:
    async def half(_exchange: Exchange) -> None:
        """Do nothing; a new one every time."""

    return half


def route(config: Route = ANYTHING, *shares: tuple[Any, int], **others: Any) -> CompiledRoute:
    return CompiledRoute("r", config, nothing, handler, shares, **others)


def test_a_second_half_is_built_once_per_plan() -> None:
    built: list[str | None] = []

    def build(plan: str | None) -> Handler:
        built.append(plan)
        return handler(plan)

    made = CompiledRoute("r", ANYTHING, nothing, build, [])
    free = made.second_half("free")
    assert made.second_half("free") is free
    assert made.second_half(None) is not free
    assert built == ["free", None]


def test_nobody_goes_on_without_the_limits_of_a_plan_that_is_not_there() -> None:
    plans: dict[str | None, Handler] = {"free": nothing}
    made = CompiledRoute("r", ANYTHING, nothing, plans.__getitem__, [])
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            made.second_half("gone")
        assert caught.value.problem is UNAVAILABLE
        assert caught.value.headers == ((b"retry-after", b"1"),)
    assert made._halves == {}


def test_services_are_picked_by_weight() -> None:
    stable, canary = SimpleNamespace(name="stable"), SimpleNamespace(name="canary")
    made = route(ANYTHING, (stable, 3), (canary, 1))
    picked = [cast("Any", made.pick_destination(exchange())).name for _ in range(8)]
    assert picked.count("stable") == 6
    assert picked.count("canary") == 2
    assert made.destinations == ((stable, 3), (canary, 1))


def test_a_route_that_leads_nowhere_refuses() -> None:
    with pytest.raises(Refused) as nowhere:
        route().pick_destination(exchange())
    assert nowhere.value.problem is NO_ROUTE
    with pytest.raises(Refused) as stopped:
        route(ANYTHING, (SimpleNamespace(), 0)).pick_destination(exchange())
    assert stopped.value.problem is UNAVAILABLE


def test_a_routes_own_settings_are_ready_to_use() -> None:
    made = route(Route(match=Match(path="/a"), upgrade=["WebSocket"]))
    assert made.upgrade == {"websocket"}
    assert made.match.path == "/a"


def test_path_parameters_are_given_as_they_stand_in_the_path() -> None:
    made = route(params=(("tenant", 1), ("id", 3)))
    assert made.path_params("/acme/users/a%20b") == {"tenant": "acme", "id": "a%20b"}
    assert route().path_params("/a/b") == {}


def test_a_snapshot_finds_the_route_of_a_request() -> None:
    index = RouteIndex()
    match = Match(path="/a/**", methods=["GET"])
    index.add(Candidate("r", match, answers_preflight=False))
    made = route(Route(match=match))
    snapshot = Snapshot(
        "1", {"r": made}, index, {}, KeyDirectory(), nothing, cast("Any", None), {}, ModelTable({})
    )
    assert snapshot.find(exchange("GET", "/a/b").request) is made
    assert snapshot.health is None
    with pytest.raises(Refused) as wrong:
        snapshot.find(exchange("POST", "/a/b").request)
    assert wrong.value.problem is METHOD_NOT_ALLOWED
    with pytest.raises(Refused) as absent:
        snapshot.find(exchange("GET", "/b").request)
    assert absent.value.problem is NO_ROUTE
