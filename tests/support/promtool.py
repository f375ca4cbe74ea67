"""Prometheus' own checker, and rule files as data.

    checked(RULES / "alerts.yml")           # raises AssertionError with what promtool said
    run_tests(TESTS / "state.yml", tmp_path)
    evaluated(scenes(), tmp_path)           # no rule fails, whatever there is to see
    [rule.name for rule in rules(RULES / "alerts.yml")]

Debian's package `prometheus` has `promtool`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from support.promql import named

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules"
TESTS = ROOT / "deploy" / "prometheus" / "tests"
ALERTS, RECORDING = RULES / "alerts.yml", RULES / "recording.yml"
NOW_AND_THEN = "10m"
"""How often rules are evaluated that nobody looks at: it is what their tests cost."""


@dataclass(frozen=True)
class Rule:
    """One rule. `name` is of the alert, or of the series that is recorded."""

    name: str
    expr: str
    is_alert: bool
    wait: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join((self.name, *self.labels.values()))


def rules(file: Path) -> list[Rule]:
    """Return the rules of a file, in order."""
    return [
        Rule(
            name=_name(each),
            expr=each["expr"],
            is_alert="alert" in each,
            wait=each.get("for", ""),
            labels=each.get("labels", {}),
            annotations=each.get("annotations", {}),
        )
        for group in _loaded(file)["groups"]
        for each in group["rules"]
    ]


def program(name: str) -> str:
    """Return the path of a program of Debian's package `prometheus`."""
    found = shutil.which(name)
    assert found, f"{name} is not installed: scripts/install-debian.sh"
    return found


def promtool(*args: str) -> str:
    """Run it; returns what it printed. Raises AssertionError with that where it found a fault."""
    command = [program("promtool"), *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    return printed


def checked(*files: Path) -> str:
    """Have rule files checked."""
    return promtool("check", "rules", *map(str, files))


def run_tests(file: Path, folder: Path) -> str:
    """Have the tests of a file run, with the rules that they look at: most of them it is not about.

    What the others would make of its series is for `evaluated` to see.
    """
    tests = _loaded(file)
    needed = _needed(tests["tests"])
    kept = [_kept(rule_file, needed, folder) for rule_file in (RECORDING, ALERTS)]
    return _run({**tests, "rule_files": kept}, folder / file.name)


def _kept(file: Path, needed: Container[str], folder: Path) -> str:
    """Write a rule file with no more than some of its rules; returns where."""
    groups = [
        {**group, "rules": kept}
        for group in _loaded(file)["groups"]
        if (kept := [each for each in group["rules"] if _name(each) in needed])
    ]
    written = folder / f"rules-{file.name}"
    written.write_text(json.dumps({"groups": groups}))
    return str(written)


def evaluated(told: Iterable[dict[str, Any]], folder: Path) -> str:
    """Have all rules evaluated now and then on each of these scenes, whatever they find there."""
    seen = [
        {
            **{key: value for key, value in scene.items() if key != "alert_rule_test"},
            "promql_expr_test": [
                {
                    "expr": "vector(1)",
                    "eval_time": check["eval_time"],
                    "exp_samples": [{"labels": "{}", "value": 1}],
                }
                for check in _checks(scene)
            ],
        }
        for scene in told
    ]
    rule_files = [str(RECORDING), str(ALERTS)]
    tests = {"rule_files": rule_files, "evaluation_interval": NOW_AND_THEN, "tests": seen}
    return _run(tests, folder / "evaluated.yml")


def _run(tests: Mapping[str, Any], file: Path) -> str:
    file.write_text(json.dumps(tests))
    return promtool("test", "rules", str(file))


def _needed(told: Iterable[dict[str, Any]]) -> set[str]:
    """Return the names of what the checks of scenes look at, also through recording rules."""
    written = [rule for file in (RECORDING, ALERTS) for rule in rules(file)]
    found: set[str] = set()
    waiting = {each for scene in told for check in _checks(scene) for each in _asked(check)}
    while waiting:
        found |= waiting
        expressions = [rule.expr for rule in written if rule.name in waiting]
        waiting = {each.metric for expr in expressions for each in named(expr)[0]} - found
    return found


def _checks(scene: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*scene.get("alert_rule_test", ()), *scene.get("promql_expr_test", ())]


def _asked(check: Mapping[str, Any]) -> list[str]:
    if "alertname" in check:
        return [check["alertname"]]
    return [each.metric for each in named(check["expr"])[0]]


def parsed(queries: Mapping[str, str], folder: Path) -> None:
    """Have queries parsed, by their names. Raises AssertionError for what is none."""
    made = [
        {"record": f"query:{number}", "expr": query, "labels": {"query": name}}
        for number, (name, query) in enumerate(queries.items())
    ]
    file = folder / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": made}]}))
    checked(file)


def sources(expr: str, recorded: Mapping[str, str]) -> set[str]:
    """Return the scraped series that a query is made of, through what is recorded."""
    found: set[str] = set()
    waiting = [expr]
    while waiting:
        for each in named(waiting.pop())[0]:
            if each.metric in recorded:
                waiting.append(recorded[each.metric])
            else:
                found.add(each.metric)
    return found


@cache
def scenes() -> list[dict[str, Any]]:
    """Return every test of every test file."""
    return [each for file in sorted(TESTS.glob("*.yml")) for each in _loaded(file)["tests"]]


@cache
def _loaded(file: Path) -> Any:
    return yaml.load(file.read_text(), yaml.CSafeLoader)


def _name(rule: Mapping[str, str]) -> str:
    return rule.get("alert") or rule["record"]
