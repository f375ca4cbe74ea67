"""How a route gets to a service."""

from __future__ import annotations

from typing import Any

from sluicegate.model.route import RouteTimeouts
from sluicegate.model.units import Duration
from support.exchanges import exchange
from support.services import service

ALL = RouteTimeouts()


def test_the_time_outs_are_the_routes_where_it_has_any_and_the_services_elsewhere() -> None:
    made = service(targets=["http://a"], timeouts={"connect": "1s", "first_byte": "2s"})
    own = made.destination({}, RouteTimeouts(first_byte=Duration(9), total=Duration(0)))
    assert (own.timeouts.connect, own.timeouts.first_byte, own.timeouts.total) == (1, 9, 0)
    assert made.destination({}, ALL).timeouts == made.config.timeouts


def test_a_subset_has_the_targets_with_all_of_its_labels() -> None:
    targets: list[Any] = [
        {"url": "http://a", "labels": {"version": "1"}},
        {"url": "http://b", "labels": {"version": "2", "rack": "x"}},
        "http://c",
    ]
    made = service(targets=targets)
    subset = made.destination({"version": "2"}, ALL)
    picks = [subset.pick(exchange()) for _ in range(20)]
    assert {each.label for each in picks if each} == {"b"}
    everything = made.destination({}, ALL)
    assert {each.label for _ in range(200) if (each := everything.pick(exchange()))} == set("abc")
    assert made.destination({"version": "3"}, ALL).pick(exchange()) is None


def test_subsets_share_the_standing_of_their_targets() -> None:
    made = service(targets=[{"url": "http://a", "labels": {"v": "1"}}, "http://b"])
    made.targets[0].available = False
    assert made.destination({"v": "1"}, ALL).pick(exchange()) is None


def test_the_same_key_goes_to_the_same_target() -> None:
    made = service(
        targets=[f"http://t{n}" for n in range(10)],
        balance={"consistent_hash": {"by": "header:x-user"}},
    )
    destination = made.destination({}, ALL)
    for user in "abcdefgh":
        asked = exchange(headers={"x-user": user})
        assert len({destination.pick(asked) for _ in range(20)}) == 1
    spread = {destination.pick(exchange(headers={"x-user": str(n)})) for n in range(200)}
    assert len(spread) == 10
