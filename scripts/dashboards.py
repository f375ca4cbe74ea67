"""Puts dashboards in form, and finds out which runbook belongs to which of their panels.

Laid out the same way each time; without the numbers that an export from Grafana puts in; and with
the runbook of each alert at the first panel of a dashboard that shows what the alert looks at.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DASHBOARDS = ROOT / "deploy/grafana/dashboards"
RULES = ROOT / "deploy/prometheus/rules"
WIDTH = 130
DEEP = 4
"""Levels of lists and objects that never stand in one line."""
METRIC = re.compile(r"\b(?:sluicegate|gen_ai)_[a-z0-9_]+")
RECORDED = re.compile(r"\b[a-z_]+:[a-z0-9_]+(?::[a-z0-9_]+)?\b")
PART_OF_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")
NUMBERS = ("id", "version", "iteration", "gnetId")
"""What Grafana numbers dashboards with."""

Json = Any


def in_form(dashboard: Json) -> str:
    """Return a dashboard as it is kept: without numbers, and with the runbooks of its alerts."""
    panels = dashboard["panels"]
    linked: dict[int, list[str]] = {}
    for runbook, looked_at in runbooks().items():
        shown = [
            [place for place, panel in enumerate(panels) if name in metrics_of(panel)]
            for name in looked_at
        ]
        known = [places for places in shown if places]
        if known:  # the metric that is shown least says most
            best = min(known, key=lambda places: (len(places), places))
            linked.setdefault(best[0], []).append(runbook)
    for place, panel in enumerate(panels):
        panel.pop("id", None)
        panel.pop("links", None)
        if place in linked:
            panel["links"] = [
                {"title": _title(each), "url": f"${{documents}}{each}", "targetBlank": True}
                for each in linked[place]
            ]
    for name in NUMBERS:
        dashboard.pop(name, None)
    return tidy(dashboard) + "\n"


def tidy(value: Json, indent: str = "", before: int = 0) -> str:
    """Write JSON with two spaces: what fits into a line and is not deep is one."""
    flat = json.dumps(value, ensure_ascii=False)
    fits = before + len(indent) + len(flat) < WIDTH and not _is_deep(value, DEEP)
    if fits or not isinstance(value, dict | list) or not value:
        return flat
    inner = f"{indent}  "
    if isinstance(value, dict):
        named = ((f"{json.dumps(key)}: ", each) for key, each in value.items())
        lines = [name + tidy(each, inner, len(name)) for name, each in named]
        return f"{{\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}}}"
    lines = [tidy(each, inner) for each in value]
    return f"[\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}]"


def _is_deep(value: Json, levels: int) -> bool:
    """Say whether lists and objects stand in each other at that many levels."""
    if not isinstance(value, dict | list) or not value:
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 1 or any(_is_deep(each, levels - 1) for each in inside)


def queries_of(panel: Json) -> list[str]:
    """Return the queries of a panel."""
    return [target["expr"] for target in panel.get("targets", ())]


def metrics_of(panel: Json) -> set[str]:
    """Return the metrics that a panel shows, histograms by their family."""
    return _named(" ".join(queries_of(panel)))


def _named(text: str) -> set[str]:
    return {PART_OF_HISTOGRAM.sub("", name) for name in METRIC.findall(text)}


def rules() -> list[dict[str, Any]]:
    """Return all rules, as the files have them."""
    found: list[dict[str, Any]] = []
    for path in sorted(RULES.glob("*.yml"), reverse=True):  # recorded ones first
        for group in yaml.safe_load(path.read_text())["groups"]:
            found += group["rules"]
    return found


def runbooks() -> dict[str, set[str]]:
    """Return the metrics that alerts look at, by the path of their runbook."""
    recorded = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}

    def looked_at(text: str) -> set[str]:
        found = _named(text)
        for name in RECORDED.findall(text):
            if name in recorded:
                found |= looked_at(recorded[name])
        return found

    found: dict[str, set[str]] = {}
    for rule in rules():
        if "alert" in rule:
            path = rule["annotations"]["runbook_url"]
            found.setdefault(path, set()).update(looked_at(rule["expr"]))
    return found


def _title(runbook: str) -> str:
    words = Path(runbook).stem.replace("-", " ")
    return f"When it alerts: {words}"
