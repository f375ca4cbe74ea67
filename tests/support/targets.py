"""Targets for tests of balancing: what an algorithm looks at, and nothing behind it."""

from __future__ import annotations

from sluicegate.upstream.latency import Latency


class Target:
    """A target that a test moves by hand."""

    def __init__(self, weight: int = 1, label: str = "a:80", zone: str | None = None) -> None:
        self.label = label
        self.weight = weight
        self.zone = zone
        self.in_flight = 0
        self.available = True
        self.latency = Latency()

    def __repr__(self) -> str:
        return f"<{self.label} weight {self.weight}, {self.in_flight} in flight>"


def targets(*weights: int) -> list[Target]:
    """Return targets of these weights with labels of their own."""
    return [Target(weight, f"10.0.0.{at}:8000") for at, weight in enumerate(weights)]
