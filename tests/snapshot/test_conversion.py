from __future__ import annotations

from pathlib import Path
from typing import Any

from sluicegate.model.service import Target
from sluicegate.snapshot.conversion import Converter
from sluicegate.snapshot.document import Document, default_policies
from sluicegate.snapshot.draft import Draft
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.snapshot.source import Source


def converted(data: dict[str, Any]) -> tuple[Document, Converter, dict[str, str]]:
    draft = Draft(Source(data, None, []))
    converter = Converter(draft, PolicyCatalog(()), Path("/etc/gateway"))
    document = converter.document({})
    return document, converter, {fault.path: fault.message for fault in draft.faults}


def test_both_ways_to_write_a_target_are_the_same() -> None:
    document, _, faults = converted({"services": {"a": {"targets": ["http://a:1"]}}})
    assert faults == {}
    assert document.services["a"].targets == [Target(url="http://a:1")]


def test_settings_of_policies_are_filled_in_and_remembered() -> None:
    use = {"cors": {"origins": ["*"]}}
    routes = {"r": {"match": {}, "policies": [use]}}
    document, converter, faults = converted({"routes": routes, "policies": [{"metrics": {}}]})
    assert faults == {}
    assert document.routes["r"].policies[0]["cors"].keys() > use["cors"].keys()
    assert [each.kind.name for each in converter.uses.seen] == ["metrics", "cors"]


def test_the_list_for_every_route_is_not_looked_at_where_none_is_written() -> None:
    document, converter, _ = converted({})
    assert document.policies == default_policies()
    assert converter.uses.seen == []


def test_of_a_faulty_route_what_is_right_is_kept() -> None:
    routes = {"r": {"match": 3, "service": "a", "policies": [{"nope": {}}]}}
    document, converter, faults = converted({"routes": routes})
    assert list(faults) == ["routes.r.match", "routes.r.policies[0].nope"]
    assert document.routes["r"].service == "a"
    assert converter.unmatched == {"r"}


def test_of_what_cannot_be_built_at_all_nothing_is_kept() -> None:
    document, _, faults = converted({"services": {"a": {}, "b": 3}, "teams": 4})
    assert list(faults) == ["services.a", "services.b", "teams"]
    assert not document.services
    assert not document.teams


def test_names_and_teams_are_converted_too() -> None:
    data = {"teams": {"a b": {}, "red": {"plan": "p", "color": "red"}}}
    document, _, faults = converted(data)
    assert list(faults) == ['teams["a b"]', "teams.red.color"]
    assert document.teams["red"].plan == "p"


def test_relative_paths_start_at_the_folder() -> None:
    service = {"targets": ["https://a:1"], "tls": {"ca": "ca.pem"}}
    document, _, _ = converted({"services": {"a": service}})
    assert document.services["a"].tls.ca == "/etc/gateway/ca.pem"


def test_a_name_of_a_model_may_end_in_a_star() -> None:
    deployment = {"deployments": [{"provider": "p"}]}
    names = ["gpt-4o", "gpt-*", "*", "meta-llama/Llama-3:70b@1"]
    document, _, faults = converted({"models": dict.fromkeys(names, deployment)})
    assert faults == {}
    assert list(document.models) == names
    wrong = ["g*t", "**", "-a", "a b", "a" * 129]
    assert len(converted({"models": dict.fromkeys(wrong, deployment)})[2]) == len(wrong)


def test_of_faulty_providers_and_models_what_is_right_is_kept() -> None:
    providers = {"p": {"kind": "openai", "region": "Far Away"}, "q": {"url": "http://q"}}
    models = {"m": {"deployments": [{"provider": "p"}], "balance": "chance"}}
    document, _, faults = converted({"providers": providers, "models": models})
    assert list(faults) == ["providers.p.region", "providers.q", "models.m.balance"]
    assert (document.providers["p"].kind, document.providers["p"].region) == ("openai", None)
    assert document.models["m"].deployments[0].provider == "p"
