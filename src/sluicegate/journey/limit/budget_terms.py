"""From what an operator wrote of a budget to its rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.journey.limit.allow_notation import NOTATION, Allowance, parse
from sluicegate.journey.limit.counters import counters
from sluicegate.journey.limit.holding import Holding
from sluicegate.journey.limit.rule import Limits, Rule
from sluicegate.journey.limit.terms import check_stand_in
from sluicegate.model.ledger import BudgetWanted
from sluicegate.model.resource import FieldFault
from sluicegate.state.contract import Group, Limit

if TYPE_CHECKING:
    from sluicegate.journey.limit.budget_subject import BudgetSubject
    from sluicegate.journey.limit.cost import Cost
    from sluicegate.policy import Parts

USD: Final = "usd"
LEAST_S: Final = 60
MONTH: Final = "month"
PERIODS: Final = ("minute", "hour", "day", MONTH)
LABEL: Final = "spending-"
SCOPES: Final = {"route": "route", "plan": "plan"}
"""Places whose entries have their name, and in which field."""


@dataclass(frozen=True, slots=True)
class BudgetTerms:
    """What a policy says about a budget. `by` is the written form of whom it counts."""

    allow: Sequence[str]
    by: str
    name: str
    alerts: tuple[int, ...]
    away: str
    shadow: bool

    @property
    def identity(self) -> str:
        """What tells its counts from those of other policies at the same place."""
        return f"budget;{self.name};{self.by}"

    def check(self) -> None:
        """Refuse what cannot be read, counted or told apart. Raises FieldFault."""
        self.read(self.allow, "allow")

    def check_own(self, allow: Sequence[str]) -> None:
        """Refuse limits of a consumer that cannot stand in for these. Raises FieldFault."""
        check_stand_in(self.read(allow), self.read(self.allow), self.allow)

    def read(self, allow: Sequence[str], *part: str) -> list[Allowance]:
        """Read allowances. Raises FieldFault at the one at fault; they stand at `part`."""
        read: list[Allowance] = []
        for place, text in enumerate(allow):
            try:
                one = parse(text, USD)
            except ValueError as error:
                raise FieldFault((*part, place), _advice(text) or str(error)) from error
            if one.kind != "fixed":
                message = f"a budget has whole periods: write `{one.plain}`"
                raise FieldFault((*part, place), message)
            if one.period_s < LEAST_S:
                message = f"`{text}`: write minute, hour, day or month"
                raise FieldFault((*part, place), message)
            if any(one.period == other.period for other in read):
                raise FieldFault((*part, place), f"there are two for each {one.period}: write one")
            read.append(one)
        return read

    def rule(self, parts: Parts, subject: BudgetSubject, cost: Cost) -> Rule:
        """Build the rule for where `parts` say."""
        place = f"{self.identity};{parts.scope}"

        def limits(allow: Sequence[str]) -> Limits:
            read = self.read(allow)
            counted = [Limit(LABEL + one.period, self._algorithm(one)) for one in read]
            group = Group(place, counted, settles=True, shadow=self.shadow)
            names = [f"{self.name}-{one.name}" if self.name else one.name for one in read]
            said = [f'"{name}";{one.policy}' for name, one in zip(names, read, strict=True)]
            return Limits(group, names, [one.text for one in read], ", ".join(said), None)

        def own(allow: Sequence[str]) -> Limits:
            self.check_own(allow)
            return limits(allow)

        made = limits(self.allow)
        cells = counters(parts.metrics, parts.scope, made.names, self.away, shadow=self.shadow)
        return Rule(
            self.name, made, subject, own, cells, away=self.away, cost=cost,
            holding=Holding(parts.clock, parts.aside, parts.reservation_s),
            wanted=partial(wanted, subject, parts.scope),
        )  # fmt: skip

    def _algorithm(self, one: Allowance) -> Spending:
        period_us = 0 if one.period == MONTH else one.period_s * 1_000_000
        return Spending(one.amount, period_us, self.alerts)


def _advice(text: str) -> str:
    """Say what a budget takes, where it is more than the amount that is wrong."""
    match = NOTATION.match(text)
    if match is not None and match[2] in PERIODS and match[3] is None:
        return ""
    return f"`{text}`: write dollars per minute, hour, day or month, such as `25/day`"


def wanted(subject: BudgetSubject, scope: str, limits: Limits, counted: str) -> BudgetWanted:
    """Say of which entries of the ledger the counts of `limits` for `counted` are the sum."""
    kind, _, name = scope.partition(":")
    where = subject.where(counted)
    field = SCOPES.get(kind)
    if field is not None:
        where[field] = name
    group = limits.group
    told = [
        (each.label, each.algorithm.limit, each.label.removeprefix(LABEL)) for each in group.limits
    ]
    return BudgetWanted(group.place, counted, tuple(told), where)
