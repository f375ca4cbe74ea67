"""All scenarios by name, as they are played at length."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from money import budgets, costs, flushed
from money.world import Crew, World
from outages.report import Report

Scenario = Callable[[World], Report]
TIMES = 5
"""How often each is played at length."""
REPLICAS = Crew((2, 2, 2), {"call": 5 * TIMES, "tokens": 2 * TIMES, "dearer": 4 * TIMES})
COSTS_CREW = Crew((1, 2), {"plenty": 200, "kept": 8, "joined": 2})
"""For once."""
JOINED = 1000
BUDGETS: dict[str, Scenario] = {
    **{
        f"{sort}, {'slow' if held else 'quick'} answers": partial(
            budgets.known_cost, sort=sort, held=held
        )
        for sort in ("call", "tokens")
        for held in (True, False)
    },
    **{f"dearer, {many} at once": partial(budgets.dearer, at_once=many) for many in (1, 7, 40)},
    "dearer, all at once": budgets.dearer_all_at_once,
    "flushed, quiet": flushed.quiet,
    "flushed, under way": flushed.under_way,
    "flushed, under load": flushed.under_load,
}
"""Before `REPLICAS`."""
COSTS: dict[str, Scenario] = {
    **{
        f"same cost, {name}": partial(costs.same_everywhere, scenario=name)
        for name in costs.SCENARIOS
    },
    "provider cuts": partial(costs.cut_streams, leaves=False),
    "caller leaves": partial(costs.cut_streams, leaves=True),
    "given again": costs.given_again,
    "joined": partial(costs.joined, callers=JOINED),
    "invisible": costs.invisible,
}
"""Before `COSTS_CREW`."""
