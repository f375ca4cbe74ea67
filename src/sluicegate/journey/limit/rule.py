"""What one policy asks of each request: limits, whom they count, and what happens else.

A `Rule` is made at load and is the same for all requests. The limiter takes the rules of all
policies of a chain together; nothing here depends on a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import structlog

from sluicegate.journey.limit.refusals import Refusals

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.limit.cost import Cost
    from sluicegate.journey.limit.holding import Holding
    from sluicegate.journey.limit.lease import Leases
    from sluicegate.metrics import Cell
    from sluicegate.model.ledger import BudgetWanted
    from sluicegate.state.contract import Group

Written = tuple[str, ...]
"""Allowances as an operator writes them."""
MOST_OWN: Final = 1000
"""Different limits of single consumers that are kept ready."""


class Counters:
    """What a rule counts of its own work. `refused` has a place for each limit."""

    __slots__ = ("admitted", "degraded", "refused", "unfit", "unsettled")

    def __init__(
        self,
        admitted: Cell,
        refused: Sequence[Cell],
        degraded: Cell,
        unsettled: Cell,
        unfit: Cell,
    ) -> None:
        """Keep the cells; see `counters`."""
        self.admitted = admitted
        self.refused = refused
        self.degraded = degraded
        self.unsettled = unsettled
        self.unfit = unfit


class Limits:
    """The limits of a rule as they hold for one kind of caller: everybody, or one consumer.

    `names` are those of headers and metrics, `texts` those of details, `policy` is the
    field RateLimit-Policy, ready; each has a place for every limit of `group`.
    """

    __slots__ = ("group", "labels", "leases", "names", "policy", "refusals", "texts")

    def __init__(
        self,
        group: Group,
        names: Sequence[str],
        texts: Sequence[str],
        policy: str,
        leases: Leases | None,
    ) -> None:
        """`leases` where the mode is `leased`."""
        self.group = group
        self.names = names
        self.texts = texts
        self.policy = (b"ratelimit-policy", policy.encode())
        self.leases = leases
        said = [f'"{name}";r='.encode() for name in names]
        self.labels: list[bytes] = [*said[:1], *(b", " + each for each in said[1:])]
        self.refusals = Refusals()


class Rule:
    """Limits of one policy.

    `name` is what consumers' own limits go by. `away` is what holds while the state is away:
    `share`, `local`, `allow` or `deny`. `cost` is None where every request costs 1. `holding` keeps
    slots from expiring where the unit is `concurrent`, and what a budget has reserved. `own` builds
    the limits for a consumer whose `limits` name this rule. `wanted` says what the counts of a
    budget begin with, where the state does not have them; None where the rule is none.
    """

    __slots__ = (
        "_made", "_own", "away", "cost", "counters", "holding", "limits", "name", "remembers",
        "shadow", "subject", "wanted",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - all that there is to know of a rule
        self,
        name: str,
        limits: Limits,
        subject: Callable[[Exchange], str],
        own: Callable[[Sequence[str]], Limits],
        counters: Counters,
        *,
        away: str = "share",
        cost: Cost | None = None,
        holding: Holding | None = None,
        wanted: Callable[[Limits, str], BudgetWanted] | None = None,
    ) -> None:
        """Put a rule together; `own` raises ValueError for what cannot stand in for `limits`."""
        self.name = name
        self.limits = limits
        self.subject = subject
        self.counters = counters
        self.away = away
        self.cost = cost
        self.holding = holding
        self.wanted = wanted
        self.shadow = limits.group.shadow
        # What is given back makes room before time does, so only whole requests are remembered.
        self.remembers = cost is None and holding is None and not self.shadow
        self._own = own
        self._made: dict[Written, Limits] = {}

    def limits_of(self, overrides: Mapping[str, Sequence[str]]) -> Limits:
        """Return what holds for a consumer with these limits of their own."""
        written = overrides.get(self.name)
        if written is None:
            return self.limits
        key = tuple(written)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= MOST_OWN:
                self._made.clear()
            made = self._made[key] = self._make_own(key)
        return made

    def _make_own(self, written: Written) -> Limits:
        """Make a consumer's own limits. Stored ones may be for limits that have changed since."""
        try:
            return self._own(written)
        except ValueError as error:
            self.counters.unfit.value += 1
            structlog.get_logger().error(
                "a consumer's own limits do not fit: those of the policy hold",
                limit=self.name,
                place=self.limits.group.place,
                own=list(written),
                why=str(error),
            )
            return self.limits
