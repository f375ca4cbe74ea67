"""Prometheus' own checker, and rule files as data.

    checked(RULES / "alerts.yml")           # raises AssertionError with what promtool said
    run_tests(TESTS / "state.yml")
    [rule.name for rule in rules(RULES / "alerts.yml")]

Debian's package `prometheus` has `promtool`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
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
            name=each.get("alert") or each["record"],
            expr=each["expr"],
            is_alert="alert" in each,
            wait=each.get("for", ""),
            labels=each.get("labels", {}),
            annotations=each.get("annotations", {}),
        )
        for group in yaml.safe_load(file.read_text())["groups"]
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


def run_tests(file: Path) -> str:
    """Have the tests of a file run."""
    return promtool("test", "rules", str(file))


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
    return [
        each
        for file in sorted(TESTS.glob("*.yml"))
        for each in yaml.load(file.read_text(), yaml.CSafeLoader)["tests"]
    ]
