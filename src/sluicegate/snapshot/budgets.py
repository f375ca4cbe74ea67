"""The budgets of a configuration, by the place that their counts are kept under."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sluicegate.journey.limit.budget import Config
from sluicegate.model import units
from sluicegate.snapshot.document import decode
from sluicegate.snapshot.steps import GATEWAY, plan_scope, route_scope

if TYPE_CHECKING:
    from sluicegate.journey.limit.budget_terms import BudgetTerms
    from sluicegate.snapshot.document import Resources
    from sluicegate.snapshot.steps import Scope

POLICY: Final = "budget"
MARK: Final = b"budget"


def budgets_of(resources: Resources) -> dict[str, BudgetTerms]:
    """Return the terms of every budget; what cannot be read is left out. Takes its time."""
    found: dict[str, BudgetTerms] = {}
    for scope, uses in _uses(resources):
        for use in uses:
            if POLICY not in use:
                continue
            try:
                terms = units.convert(use[POLICY] or {}, Config).terms()
            except (TypeError, ValueError):
                continue
            found[f"{terms.identity};{scope.name}"] = terms
    return found


def limits_of(terms: BudgetTerms, own: Sequence[str] | None = None) -> dict[str, int]:
    """Return nano-USD by period; `own` are a consumer's, where they fit."""
    read = terms.read(terms.allow)
    if own is not None:
        try:
            terms.check_own(own)
            read = terms.read(own)
        except ValueError:
            pass  # those of the policy hold, as for calls
    return {one.period: one.amount for one in read}


def longest_s(settings: Mapping[str, Any]) -> int:
    """Return the seconds of a budget's longest period; 0 where its settings have a fault."""
    try:
        terms: BudgetTerms = units.convert(settings, Config).terms()
    except (TypeError, ValueError):
        return 0
    return max(one.period_s for one in terms.read(terms.allow))


def _uses(resources: Resources) -> Iterator[tuple[Scope, Sequence[Mapping[str, Any]]]]:
    for (kind, name), raw in resources.items.items():
        if MARK not in raw:
            continue  # there may be 10 000 routes, of which few have a budget
        match kind:
            case "policies":
                yield GATEWAY, decode(kind, raw)
            case "route":
                yield route_scope(name), decode(kind, raw).policies
            case "plan":
                yield plan_scope(name), decode(kind, raw).policies
