"""The dashboards of Grafana as tests look at them: panels, queries, and what stands for what.

for query in queries("traffic"):
    query.panel, query.text, query.asked("10s")     # as Grafana would ask it
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/grafana/dashboards"
NAMES = ("ai", "limits", "state-and-store", "traffic")
LABEL_VALUES = re.compile(r"label_values\((?P<match>.+), (?P<label>\w+)\)")
VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|(\w+))")
RANGES = ("__rate_interval", "__range", "__interval")
ALL = ".*"


@dataclass(frozen=True)
class Query:
    """One query of one panel."""

    dashboard: str
    panel: str
    text: str

    @property
    def name(self) -> str:
        """Where it stands."""
        return f"{self.dashboard}: {self.panel}"

    def asked(self, window: str) -> str:
        """Return it as Grafana asks it, with everything chosen; `window` is a range of time."""
        return VARIABLE.sub(
            lambda found: window if (found[1] or found[2]) in RANGES else ALL, self.text
        )


def dashboard(name: str) -> dict[str, Any]:
    """Return a dashboard."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def panels(name: str) -> list[dict[str, Any]]:
    """Return what stands in a dashboard and shows something."""
    return [panel for panel in dashboard(name)["panels"] if panel["type"] != "row"]


def variables(name: str) -> list[dict[str, Any]]:
    """Return what can be chosen."""
    found: list[dict[str, Any]] = dashboard(name)["templating"]["list"]
    return found


def queries(name: str) -> Iterator[Query]:
    """Yield what the panels of a dashboard ask, and its annotations."""
    for panel in panels(name):
        for target in panel["targets"]:
            yield Query(name, panel["title"], target["expr"])
    for each in dashboard(name)["annotations"]["list"]:
        yield Query(name, f"annotation {each['name']}", each["expr"])


def choices(name: str) -> Iterator[tuple[str, str]]:
    """Yield the label and the selector of each variable that asks Prometheus for values."""
    for variable in variables(name):
        if variable["type"] == "query":
            found = LABEL_VALUES.fullmatch(variable["definition"])
            assert found, variable["definition"]
            yield found["label"], VARIABLE.sub(ALL, found["match"])
