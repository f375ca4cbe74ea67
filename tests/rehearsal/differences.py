"""What a rehearsal sets otherwise than the chart does, and why. Nothing differs silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "deploy/helm/sluicegate/values.yaml"

SMALL_MACHINE = "a small machine"
OURS = "where things are here"
REASONS = {
    "autoscaling.behavior.scaleDown": "so that nobody waits for minutes",
    "config": "what is asked for here",
    "database": OURS,
    "gateway.podAnnotations": "changes pods, and nothing else",
    "gateway.privateNetworks": OURS,
    "gateway.resources": SMALL_MACHINE,
    "gateway.trustedProxies": OURS,
    "gateway.workers": SMALL_MACHINE,
    "ingress": OURS,
    "migrations.backoffLimit": "so that nobody waits for a failure that is meant",
    "migrations.resources": SMALL_MACHINE,
    "monitoring": "Prometheus is part of it",
    "networkPolicy": "not enforced here",
    "secrets.peppers": "one is added while it runs",
    "tls": "as cert-manager would: `helm template` keeps nothing that it has made up",
    "valkey.persistence": SMALL_MACHINE,
    "valkey.resources": SMALL_MACHINE,
    "valkey.sentinel.resources": SMALL_MACHINE,
}
"""By the begin of a value's path."""
UNTOLD = {"config", "database", "tls.secret"}
"""Given by every operator, and different for each."""


def differences(values: Mapping[str, Any]) -> list[str]:
    """Return a line for each value that is not the chart's: what, its default, and why."""
    default = yaml.safe_load(CHART.read_text())
    return [
        f"{path}: {_short(new)}, not {_short(old)}: {reason(path)}"
        for path, old, new in _differing(default, values)
        if not any(_within(path, each) for each in UNTOLD)
    ]


def reason(path: str) -> str:
    """Return why a value differs; raises KeyError where nobody says."""
    return REASONS[next((each for each in REASONS if _within(path, each)), path)]


def _within(path: str, begin: str) -> bool:
    return path == begin or path.startswith(f"{begin}.")


def _differing(
    default: Mapping[str, Any], values: Mapping[str, Any], at: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    for key, value in values.items():
        old = default.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and (old or not value):
            yield from _differing(old, value, f"{at}{key}.")
        elif old != value:
            yield f"{at}{key}", old, value


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_short(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list) and value:
        return "[" + ", ".join(map(_short, value)) + "]"
    return "empty" if value in ("", None, [], {}) else str(value)
