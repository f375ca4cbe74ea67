from __future__ import annotations

from sluicegate.snapshot.budgets import budgets_of, limits_of, longest_s
from support.configuration import load_text

FILE = """
policies: [{metrics: {}}, {budget: {allow: [100/month]}}]
services: {up: {targets: [http://127.0.0.1:9]}}
plans:
  free: {policies: [{budget: {allow: [1/day, 10/month], by: team, name: api}}]}
  plain: {}
routes:
  r: {match: {path: /r}, service: up, policies: [{budget: {allow: [5/hour], by: [key, model]}}]}
  bare: {match: {path: /budget}, service: up}
"""


def test_every_budget_is_found_under_the_place_of_its_counts() -> None:
    found = budgets_of(load_text(FILE).resources)
    assert {place: list(terms.allow) for place, terms in found.items()} == {
        "budget;;consumer;gateway": ["100/month"],
        "budget;api;team;plan:free": ["1/day", "10/month"],
        "budget;;key,model;route:r": ["5/hour"],
    }


def test_a_consumers_own_limits_stand_in_where_they_fit() -> None:
    terms = budgets_of(load_text(FILE).resources)["budget;api;team;plan:free"]
    assert limits_of(terms) == {"day": 10**9, "month": 10 * 10**9}
    assert limits_of(terms, ["2/day", "20/month"]) == {"day": 2 * 10**9, "month": 20 * 10**9}
    assert limits_of(terms, ["2/day"]) == limits_of(terms)
    assert limits_of(terms, ["two"]) == limits_of(terms)


def test_the_longest_period_counts_and_faults_are_told_elsewhere() -> None:
    assert longest_s({"allow": ["1/hour", "2/day"]}) == 86_400
    assert longest_s({"allow": ["1/month"]}) == 31 * 86_400
    assert longest_s({"allow": ["nonsense"]}) == 0
    assert longest_s({}) == 0
