"""What `doctor` says of prices, and of what is archived."""

from __future__ import annotations

from sluicegate.cli.examination.finding import Finding
from sluicegate.cli.examination.money import money_findings
from support.configuration import load_text

PROVIDERS = """
providers:
  cloud: {kind: openai, key: k}
  own: {kind: openai_compatible, url: 'http://127.0.0.1:1/v1', key: k}
models:
  known: {deployments: [{provider: cloud, model: gpt-4o}]}
  told: {deployments: [{provider: own, price: {input: 0.15, output: 0.6}}]}
  unknown: {deployments: [{provider: cloud, model: gpt-4o}, {provider: own, model: m}]}
  "any/*": {deployments: [{provider: own, model: "*"}]}
"""


def seen(text: str) -> list[str]:
    found = money_findings(load_text(text).resources)
    assert all(finding.outcome == "warning" for finding in found)
    return [finding.seen for finding in found]


def test_a_model_of_unknown_price_is_told_where_a_hard_budget_refuses_it() -> None:
    for policies, scope in (
        ("policies: [{budget: {allow: [1/day]}}]", "gateway"),
        ("plans: {pro: {policies: [{budget: {allow: [1/day]}}]}}", "plan:pro"),
        ("routes: {ai: {match: {}, ai: {}, policies: [{budget: {allow: [1/day]}}]}}", "route:ai"),
    ):
        said = "nobody knows its price, so the hard budget at"
        assert seen(PROVIDERS + policies) == [
            f"models.unknown.deployments[1]: {said} `{scope}` refuses it: give it a `price`"
        ]


def test_where_no_hard_budget_is_a_price_may_be_unknown() -> None:
    fine = [Finding("prices", "ok", "nothing odd about those of the file")]
    for policies in (
        "",
        "policies: [{budget: {allow: [1/day], kind: soft}}]",
        "policies: [{budget: {allow: [1/day], shadow: true}}]",
    ):
        assert money_findings(load_text(PROVIDERS + policies).resources) == fine
    assert money_findings(load_text("routes: {}").resources) == []


def test_a_price_by_the_token_is_told() -> None:
    text = PROVIDERS.replace("0.15", "'0.00000015'")
    unit = "a price is per million tokens, not per token"
    assert seen(text) == [f"models.told.deployments[0].price: far below any vendor's; {unit}"]
    for price in ("0.0005", "0"):
        assert money_findings(load_text(PROVIDERS.replace("0.15", price)).resources)[0].outcome == (
            "ok"
        )


def test_a_route_that_an_archive_names_and_the_file_lacks_is_told() -> None:
    text = "routes: {ai: {match: {}, ai: {}}}\npolicies: [{archive: {routes: [ai, 'a*', chat]}}]\n"
    assert seen(text) == ["it names the route `chat`, which is not in the file"]
