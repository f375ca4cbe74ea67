"""The metrics of rules."""

from __future__ import annotations

from sluicegate.journey.limit.counters import counters
from sluicegate.metrics import Metrics


def test_each_limit_has_a_series_of_its_own() -> None:
    metrics = Metrics()
    made = counters(metrics, "route:a", ["10-second", "99-day"], "share", shadow=False)
    made.refused[1].value += 1
    assert metrics.families["sluicegate_limit_refused_total"].cell("route:a", "99-day").value == 1
    assert (
        metrics.families["sluicegate_limit_refused_total"].cell("route:a", "10-second").value == 0
    )


def test_what_a_shadow_would_have_refused_is_not_among_the_refused() -> None:
    metrics = Metrics()
    counters(metrics, "route:a", ["1-second"], "share", shadow=True).refused[0].value += 1
    family = metrics.families["sluicegate_limit_shadow_refused_total"]
    assert family.cell("route:a", "1-second").value == 1
    assert not metrics.families["sluicegate_limit_refused_total"].series
