from __future__ import annotations

import msgspec
import pytest

from sluicegate.model.consumer import Consumer
from sluicegate.model.model import Deployment, Model
from sluicegate.model.plan import Plan
from sluicegate.model.provider import Provider
from sluicegate.model.route import Match, Route
from sluicegate.model.service import Pool, Service, Target
from sluicegate.model.team import Team
from sluicegate.model.units import Duration
from sluicegate.snapshot.document import Document, Resources, decode, encode

ROUTE = Route(match=Match(path="/a"), service="s")
SERVICE = Service(targets=[Target(url="http://a:1")], pool=Pool(idle_timeout=Duration(1.5)))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("route", ROUTE),
        ("service", SERVICE),
        ("plan", Plan(policies=[{"cors": {}}])),
        ("consumer", Consumer(plan="p")),
        ("team", Team(plan="p")),
        ("provider", Provider(kind="openai", key="k", headers={"x-a": "b"})),
        ("model", Model(deployments=[Deployment(provider="p", allow=["1/second"])])),
        ("pepper", "x" * 32),
        ("policies", [{"cors": {"a": [1]}}]),
    ],
)
def test_a_resource_survives_the_way_to_a_worker(kind: str, value: object) -> None:
    assert decode(kind, encode(value)) == value  # type: ignore[arg-type]


def test_resources_travel_as_msgpack() -> None:
    resources = Resources.of({("route", "a"): encode(ROUTE), ("policies", ""): encode([])})
    raw = msgspec.msgpack.encode(resources)
    assert msgspec.msgpack.decode(raw, type=Resources) == resources


def test_a_revision_says_which_content_it_is() -> None:
    first = Resources.of({("route", "a"): b"1", ("route", "b"): b"2"})
    same = Resources.of({("route", "b"): b"2", ("route", "a"): b"1"})
    moved = Resources.of({("route", "a"): b"12", ("route", "b"): b""})
    assert first.revision == same.revision != moved.revision
    assert len(first.revision) == 16
    assert int(first.revision, 16) >= 0


def test_metrics_and_access_log_are_on_unless_told() -> None:
    assert Document().policies == [{"metrics": {}}, {"access_log": {}}]


def test_the_order_of_peppers_is_content_for_the_first_one_is_used() -> None:
    one, other = (("pepper", "a"), encode("a" * 32)), (("pepper", "b"), encode("b" * 32))
    assert Resources.of(dict([one, other])).revision != Resources.of(dict([other, one])).revision  # type: ignore[arg-type]
