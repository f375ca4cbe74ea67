from __future__ import annotations

from sluicegate.snapshot.declared import Declared, declared
from sluicegate.snapshot.document import Resources, encode
from sluicegate.snapshot.policies import PolicyCatalog
from support.configuration import load_text

FILE = """\
services: {web: {targets: [{url: 'http://w:2', labels: {tier: new}}]}}
plans: {free: {policies: [{rate_limit: {allow: [10/second], name: api}}]}}
teams: {blue: {plan: free}, red: {}}
peppers: {main: pppppppppppppppppppppppppppppppp}
consumers:
  ann: {team: blue, limits: {api: [20/second]}}
  bob: {team: red, plan: free, limits: {api: [30/second]}}
  eve: {}
providers: {local: {kind: openai_compatible, url: 'http://l:1/v1', dialects: [openai_chat]}}
models: {'gpt-*': {deployments: [{provider: local}]}}
routes:
  web: {match: {path: '/web/**', host: [a.org, b.org]}, service: web}
  up: {match: {path: /up}, service: web, policies: [{concurrency: {limit: 2, name: up}}]}
"""


def of(text: str) -> Declared:
    return declared(load_text(text).resources, PolicyCatalog(()))


def test_names_labels_and_plans_of_teams_are_known() -> None:
    known = of(FILE).known
    assert known.services == {"web": [{"tier": "new"}]}
    assert known.teams == {"blue": "free", "red": None}
    assert list(known.plans) == ["free"]
    assert list(known.peppers) == ["main"]
    assert known.providers == {"local": ("openai_chat",)}
    assert list(known.models) == ["gpt-*"]


def test_every_situation_that_a_route_takes_is_taken() -> None:
    assert sorted(of(FILE).taken.values()) == ["up", "web", "web"]


def test_named_limits_and_who_has_own_ones_are_found() -> None:
    found = of(FILE)
    assert sorted((limit.name, limit.plan) for limit in found.limits) == [
        ("api", "free"),
        ("up", None),
    ]
    assert [(own.consumer, own.plans) for own in found.own["api"]] == [
        ("ann", {"free"}),
        ("bob", {"free"}),
    ]


def test_whether_every_route_is_answered_depends_on_settings() -> None:
    top = "policies: [{maintenance: %s}]\n"
    assert of(FILE).answers is False
    assert of(FILE + top % "{}").answers is True
    assert of(FILE + top % "{except: ['10.0.0.0/8']}").answers is False


def test_a_policy_that_is_not_installed_here_is_passed_over() -> None:
    items = Resources.of({("policies", ""): encode([{"of_a_stranger": {}}])})
    assert declared(items, PolicyCatalog(())).limits == []
