"""Rules for Prometheus: each is right, is tested both ways, and asks for what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sluicegate.cli.declared import families
from support.promql import family_of, named
from support.promtool import (
    ALERTS,
    RECORDING,
    TESTS,
    Rule,
    checked,
    evaluated,
    parsed,
    rules,
    run_tests,
    scenes,
    sources,
)

ALERT_RULES = rules(ALERTS)
RECORDED = rules(RECORDING)
EXPRESSIONS = {rule.name: rule.expr for rule in RECORDED}
LABELS = {each.name: set(each.labels) for each in families()}
OF_TARGETS = {"job", "instance", "namespace"}
"""What Prometheus says itself of a scraped target."""
OTHERS = {"up": set[str]()}
"""Series that are not the gateway's."""
LEVEL = re.compile(r"[a-z_]+:sluicegate_[a-z_]+:[a-z0-9_]+")
SHARED = (
    "sluicegate_ledger_overflowed_total",
    "sluicegate_ledger_waiting",
    "sluicegate_ledger_lag",
)
"""Numbers of the state, which every replica tells: never to be added up."""


def test_promtool_finds_no_fault_in_the_rules() -> None:
    printed = checked(ALERTS, RECORDING)
    assert f"{len(ALERT_RULES)} rules found" in printed
    assert f"{len(RECORDED)} rules found" in printed


@pytest.mark.parametrize("file", sorted(TESTS.glob("*.yml")), ids=lambda file: file.stem)
def test_rules_do_what_their_tests_say(file: Path, tmp_path: Path) -> None:
    assert "SUCCESS" in run_tests(file, tmp_path)


def test_no_rule_fails_on_what_others_are_tested_with(tmp_path: Path) -> None:
    """One that matches two series with one another cannot be evaluated."""
    assert "SUCCESS" in evaluated(scenes(), tmp_path)


def test_a_query_that_is_none_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="could not parse expression"):
        parsed({"wrong": "sum(rate(x[5m])"}, tmp_path)


@pytest.mark.parametrize("rule", ALERT_RULES, ids=str)
def test_every_alert_is_tested_where_it_fires(rule: Rule) -> None:
    firing = [
        expected["exp_labels"]
        for scene in scenes()
        for check in scene.get("alert_rule_test", ())
        if check["alertname"] == rule.name
        for expected in check["exp_alerts"]
    ]
    assert any(rule.labels.items() <= labels.items() for labels in firing)


@pytest.mark.parametrize("rule", ALERT_RULES, ids=str)
def test_every_alert_is_tested_where_it_is_quiet_although_there_is_something_to_see(
    rule: Rule,
) -> None:
    """A test without the series that the alert looks at would be quiet whatever it says."""
    quiet = [
        scene
        for scene in scenes()
        for check in scene.get("alert_rule_test", ())
        if check["alertname"] == rule.name and not check["exp_alerts"]
    ]
    needed = sources(rule.expr, EXPRESSIONS)
    assert any(
        needed & {series["series"].partition("{")[0] for series in scene["input_series"]}
        for scene in quiet
    )


@pytest.mark.parametrize("rule", [*ALERT_RULES, *RECORDED], ids=str)
def test_a_rule_asks_for_metrics_and_labels_that_there_are(rule: Rule) -> None:
    selected, grouped = named(rule.expr)
    labels: set[str] = set()
    for each in selected:
        if each.metric in EXPRESSIONS:
            labels |= labels_of(each.metric)
            continue
        found = family_of(each.metric, LABELS | OTHERS)
        assert found is not None, f"there is no {each.metric}"
        assert each.labels <= found[1], f"{each.metric} has no {each.labels - found[1]}"
        labels |= found[1]
    assert grouped <= labels | OF_TARGETS


def labels_of(recorded: str) -> set[str]:
    """Return the labels that a recorded series may have, without those of targets."""
    found: set[str] = set()
    for metric in sources(EXPRESSIONS[recorded], EXPRESSIONS):
        family = family_of(metric, LABELS)
        assert family is not None, metric
        found |= family[1]
    return found


@pytest.mark.parametrize("rule", RECORDED, ids=str)
def test_a_recorded_series_is_named_by_what_it_keeps(rule: Rule) -> None:
    assert LEVEL.fullmatch(rule.name)
    level = rule.name.partition(":")[0]
    known = set.union(*LABELS.values()) | {"instance", "job"}
    assert set(level.split("_")) <= known, f"{level} is no label"


@pytest.mark.parametrize("rule", [*ALERT_RULES, *RECORDED], ids=str)
def test_what_all_replicas_tell_alike_is_never_added_up(rule: Rule) -> None:
    if any(name in rule.expr for name in SHARED):
        assert "max by" in rule.expr
        assert "sum by" not in rule.expr


@pytest.mark.parametrize("rule", ALERT_RULES, ids=str)
def test_an_alert_says_who_has_to_come_and_what_it_saw(rule: Rule) -> None:
    assert rule.labels["severity"] in {"page", "ticket"}
    assert rule.labels["product"] == "sluicegate"
    assert set(rule.annotations) == {"summary", "description", "runbook_url"}
    assert "{{" not in rule.annotations["summary"], "summaries group alerts: they are constant"
    assert re.search(r"\$(value|labels)", rule.annotations["description"])


def test_deployments_of_other_namespaces_are_never_added_up() -> None:
    """Every aggregation keeps `namespace` and `job`."""
    lists = {
        (str(rule), found)
        for rule in (*ALERT_RULES, *RECORDED)
        for found in re.findall(r"\bby \(([^)]*)\)", rule.expr)
    }
    assert [each for each in lists if not each[1].startswith("namespace, job")] == []
