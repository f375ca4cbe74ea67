from __future__ import annotations

from sluicegate.model.consumer import Consumer, Key
from sluicegate.model.model import Deployment, Fallback, Model
from sluicegate.model.route import Ai, Match, Route, WeightedService
from sluicegate.model.team import Team
from sluicegate.snapshot import ties
from sluicegate.snapshot.places import Place, written

KNOWN = ties.Known(
    services={"a": [{"tier": "new", "zone": "1"}], "faulty": None},
    plans={"free": None},
    teams={"blue": "free"},
    peppers={"main": None},
    providers={"openai": ["openai_chat", "openai_responses"], "faulty": None},
    models={"gpt": None, "claude-*": None},
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


def model(*deployments: Deployment, fallback: str = "gpt") -> list[ties.Tie]:
    fallbacks = [Fallback(model=fallback)]
    return list(ties.of_model("m", Model(deployments=list(deployments), fallbacks=fallbacks)))


def test_a_model_names_providers_and_other_models() -> None:
    assert complaints(model(Deployment(provider="openai"))) == {}
    assert list(complaints(model(Deployment(provider="gone"), fallback="claude-3"))) == [
        "models.m.deployments[0].provider",
        "models.m.fallbacks[0].model",
    ]


def test_a_provider_speaks_the_dialect_of_a_deployment() -> None:
    right = Deployment(provider="openai", dialect="openai_responses")
    wrong = Deployment(provider="openai", dialect="anthropic_messages")
    hidden = Deployment(provider="faulty", dialect="anthropic_messages")
    assert complaints(model(right, wrong, hidden)) == {
        "models.m.deployments[1].dialect": "`openai` does not speak `anthropic_messages`; "
        "expected one of openai_chat, openai_responses"
    }


def test_ai_endpoints_name_providers_and_models_that_can_be_asked_for() -> None:
    models = ["gpt", "claude-3", "claude-*", "nothing-begins-so-*", "gpt-4"]
    ai = Ai(models=models, proxy=["openai", "gone"])
    assert list(complaints([*ties.of_route("r", Route(match=Match(), ai=ai))])) == [
        "routes.r.ai.models[4]",
        "routes.r.ai.proxy[1]",
    ]


def test_a_complaint_without_suggestions_says_the_same_whatever_else_is_there() -> None:
    found = [*ties.of_team("t", Team(plan="fre"))]
    assert complaints(found) == {"teams.t.plan": "there is no plan `fre`; did you mean `free`?"}
    assert complaints(found, suggest=False) == {
        "teams.t.plan": "there is no plan `fre`; expected a name under `plans`"
    }


def test_a_copy_is_added_to_without_the_other() -> None:
    copy = KNOWN.copy()
    for names in copy:
        names["pro"] = None
    assert not any("pro" in names for names in KNOWN)
