"""What rules count of their own work, for `/actuator/prometheus`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sluicegate.journey.limit.rule import Counters

if TYPE_CHECKING:
    from sluicegate.metrics import Metrics


def counters(
    metrics: Metrics, scope: str, names: Sequence[str], away: str, *, shadow: bool
) -> Counters:
    """Declare the metrics of a rule used at `scope`, with a series for each of its limits."""
    admitted = metrics.family(
        "sluicegate_limit_admitted_total",
        "counter",
        "Requests that a limit let through, by place.",
        ("scope",),
    )
    refused = metrics.family(
        "sluicegate_limit_refused_total",
        "counter",
        "Requests that a limit refused, by place and limit.",
        ("scope", "limit"),
    )
    shadowed = metrics.family(
        "sluicegate_limit_shadow_refused_total",
        "counter",
        "Requests that a limit with `shadow` would have refused, by place and limit.",
        ("scope", "limit"),
    )
    degraded = metrics.family(
        "sluicegate_limit_degraded_total",
        "counter",
        "Requests whose limit did what its `away` says, because the state did not answer.",
        ("scope", "away"),
    )
    unsettled = metrics.family(
        "sluicegate_limit_unsettled_total",
        "counter",
        "Requests whose cost stayed as reserved: the state was away at their end, or nothing told "
        "what they cost.",
        ("scope",),
    )
    unfit = metrics.family(
        "sluicegate_limit_own_unfit_total",
        "counter",
        "Limits of single consumers that do not fit the limit they are for, which holds instead, "
        "by place. Counted when a worker meets them first.",
        ("scope",),
    )
    told = shadowed if shadow else refused
    return Counters(
        admitted.cell(scope),
        [told.cell(scope, name) for name in names],
        degraded.cell(scope, away),
        unsettled.cell(scope),
        unfit.cell(scope),
    )
