from __future__ import annotations

from sluicegate.model.consumer import Consumer, Key
from sluicegate.model.route import Match, Route, WeightedService
from sluicegate.model.team import Team
from sluicegate.snapshot import ties
from sluicegate.snapshot.places import Place, written

KNOWN = ties.Known(
    services={"a": [{"tier": "new", "zone": "1"}], "faulty": None},
    plans={"free": None},
    teams={"blue": "free"},
    peppers={"main": None},
)
HASH = "0" * 64


def complaints(found: list[ties.Tie], *, suggest: bool = True) -> dict[str, str]:
    said: dict[str, str] = {}

    def complain(place: Place, message: str) -> None:
        said[written(place)] = message

    ties.check(complain, found, KNOWN, suggest=suggest)
    return said


def route(*shares: WeightedService) -> list[ties.Tie]:
    return list(ties.of_route("r", Route(match=Match(), service=list(shares))))


def test_names_that_are_there_bring_no_complaint() -> None:
    keys = [Key(plan="free", hash=f"main:{HASH}")]
    consumer = Consumer(plan="free", team="blue", keys=keys)
    assert complaints([*ties.of_consumer("c", consumer)]) == {}
    assert complaints([*ties.of_team("t", Team(plan="free"))]) == {}
    assert complaints([*ties.of_route("r", Route(match=Match(), service="a"))]) == {}


def test_every_name_of_a_consumer_is_looked_for() -> None:
    keys = [Key(plan="k"), Key(hash=f"old:{HASH}")]
    consumer = Consumer(plan="p", team="t", keys=keys)
    assert list(complaints([*ties.of_consumer("c", consumer)])) == [
        "consumers.c.plan",
        "consumers.c.team",
        "consumers.c.keys[0].plan",
        "consumers.c.keys[1].hash",
    ]


def test_one_target_has_all_labels_that_a_share_asks_for() -> None:
    right = WeightedService(service="a", weight=1, labels={"tier": "new"})
    wrong = WeightedService(service="a", weight=1, labels={"tier": "new", "zone": "2"})
    hidden = WeightedService(service="faulty", weight=1, labels={"tier": "new"})
    assert complaints(route(right, wrong, hidden)) == {
        "routes.r.service[1].labels": "no target of `a` has these labels"
    }


def test_a_complaint_without_suggestions_says_the_same_whatever_else_is_there() -> None:
    found = [*ties.of_team("t", Team(plan="fre"))]
    assert complaints(found) == {"teams.t.plan": "there is no plan `fre`; did you mean `free`?"}
    assert complaints(found, suggest=False) == {
        "teams.t.plan": "there is no plan `fre`; expected a name under `plans`"
    }


def test_a_copy_is_added_to_without_the_other() -> None:
    KNOWN.copy().plans["pro"] = None
    assert "pro" not in KNOWN.plans
