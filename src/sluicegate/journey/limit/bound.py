"""How far each limit can be off at this moment, in units of the limit: a gauge for every one.

`docs/limits.md` derives the figures. Here they are only looked up, at every scrape, for the limits
that the running snapshot has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import TYPE_CHECKING

from sluicegate.journey.limit.algorithms.leaky_bucket import LeakyBucket
from sluicegate.journey.limit.algorithms.leased import Leased
from sluicegate.journey.limit.algorithms.regional_window import RegionalWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket

if TYPE_CHECKING:
    from sluicegate.journey.limit.rule import Rule
    from sluicegate.metrics import Metrics
    from sluicegate.state.contract import Crew, Limit


def over_admission(limit: Limit, away: str, crew: Crew, regions: int, *, up: bool) -> float:
    """Return what may be admitted above the limit at worst, in its units.

    `crew` is who counts in the same state, `up` whether that answers, `regions` how many regions
    share the limits of the mode `eventual`.
    """
    algorithm = limit.algorithm
    answering = _while_up(limit, regions)
    if up or away == "deny":
        return answering
    if away == "allow":
        return inf
    inner = algorithm.inner if isinstance(algorithm, Leased) else algorithm
    if isinstance(inner, TokenBucket | LeakyBucket):
        # It is full again when the state goes and when it is back. With `local` each worker also
        # refills by itself, for as long as it lasts.
        return answering + 2.0 * inner.limit if away == "share" else inf
    return answering + float(inner.limit * (1 if away == "share" else crew.workers))


def _while_up(limit: Limit, regions: int) -> float:
    algorithm = limit.algorithm
    if isinstance(algorithm, Leased):
        # Blocks end with a window, so its limit holds exactly; `strict` has taken them out already.
        whole = algorithm.strict or not isinstance(algorithm.inner, TokenBucket)
        return 0.0 if whole else float(algorithm.cap)
    if isinstance(algorithm, RegionalWindow):
        return float(max(0, algorithm.limit * regions - algorithm.total))
    return 0.0


class Bounds:
    """The gauge, set at every scrape."""

    def __init__(
        self,
        metrics: Metrics,
        rules: Callable[[], Iterable[tuple[str, Rule]]],
        crew: Callable[[], Crew],
        up: Callable[[], bool],
        regions: int,
    ) -> None:
        """`rules` gives every rule that runs, with the place where it is used."""
        self._rules = rules
        self._crew = crew
        self._up = up
        self._regions = regions
        self._family = metrics.family(
            "sluicegate_limit_bound",
            "gauge",
            "What a limit may admit beyond its allowance at worst, as things are now, in its "
            "units (`docs/limits.md`); +Inf where there is no bound.",
            ("scope", "limit"),
            merge="max",
        )
        self._lent = metrics.family(
            "sluicegate_limit_lent",
            "gauge",
            "Units of a limit that workers were lent and have not spent; of all of them together "
            "at most its `lease.cap`.",
            ("scope", "limit"),
        )
        metrics.at_scrape(self.look)

    def look(self) -> None:
        """Set every series, and drop those of limits that are gone."""
        crew, up = self._crew(), self._up()
        seen: set[tuple[str, ...]] = set()
        for scope, rule in self._rules():
            limits = rule.limits
            for name, limit in zip(limits.names, limits.group.limits, strict=True):
                value = 0.0
                if not rule.shadow:
                    value = over_admission(limit, rule.away, crew, self._regions, up=up)
                self._family.cell(scope, name).value = value
                if limits.leases is not None:
                    self._lent.cell(scope, name).value = limits.leases.held()
                seen.add((scope, name))
        for family in (self._family, self._lent):
            for values in family.series.keys() - seen:
                del family.series[values]
