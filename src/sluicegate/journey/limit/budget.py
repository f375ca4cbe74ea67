"""`budget`: how much calls of models may cost, in dollars, by the minute up to the month.

A budget is exact over all replicas: what a call may cost is reserved before it begins and settled
by what it did cost, in one step with its line of the ledger. So what was spent is always what the
ledger says, and a budget whose counts were lost begins with what is written there.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta

from sluicegate.journey.limit import amount
from sluicegate.journey.limit.budget_subject import budget_subject
from sluicegate.journey.limit.budget_terms import BudgetTerms
from sluicegate.journey.limit.cost import UsdCost
from sluicegate.journey.limit.limiter import Limiter
from sluicegate.journey.limit.modes import Name, Shadow
from sluicegate.journey.limit.subjects import written
from sluicegate.model.resource import FieldFault
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

AWAY: Final = {"hard": "deny", "soft": "allow"}


class Config(PolicyConfig, frozen=True, kw_only=True):
    """How much, and of whom. Takes part in the all or nothing of `rate_limit`.

    Counts outlive a change of the numbers as long as the place (route, plan, gateway), `name`, `by`
    and the period stay the same.
    """

    allow: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="Dollars in each period, UTC: `minute`, `hour`, `day` or `month`. All must "
            "admit.",
            examples=[["25/day", "400/month"]],
        ),
    ]
    by: Annotated[
        str | list[str],
        Meta(
            description="Whom it counts: `consumer`, `key`, `team`, `plan`, `route` or `model`; a "
            "list counts each combination. All who are anonymous are one."
        ),
    ] = "consumer"
    name: Name = ""
    kind: Annotated[
        Literal["hard", "soft"],
        Meta(
            description="`hard`: the most that a call may cost is reserved, so that what was spent "
            "is never more; models whose price is not known are refused. `soft`: what is to be "
            "expected is reserved, and the last calls may cost more than is left."
        ),
    ] = "hard"
    alerts: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=100)], ...],
        Meta(
            description="Percent that were spent: for each an alert, once in a period. Where a "
            "budget is `hard`, calls are refused once less is left than one may cost, so that 100 "
            "may never be reached: choose the highest such as 95."
        ),
    ] = (80, 100)
    reserve: Annotated[
        int | float | str | None,
        Meta(description="Dollars that are reserved for a call, whatever it may cost."),
    ] = None
    away: Annotated[
        Literal["deny", "allow"] | None,
        Meta(
            description="While the state does not answer. `deny` where it is `hard`, else `allow`: "
            "what was spent meanwhile is charged afterwards."
        ),
    ] = None
    shadow: Shadow = False

    def __post_init__(self) -> None:
        """Refuse what cannot be read, counted or told apart."""
        budget_subject(self.by)
        if len(set(self.alerts)) != len(self.alerts):
            raise FieldFault(("alerts",), "found one more than once: write it once")
        self.terms().check()
        if self.reserve is None:
            return
        reserved = self._reserved()
        if reserved < 1:
            raise FieldFault(("reserve",), "it lets everybody in: write more than 0, or leave it")
        place = self._too_small(self.allow, reserved)
        if place is not None:
            message = f"it is more than `{self.allow[place]}` ever holds: write less, or allow more"
            raise FieldFault(("reserve",), message)

    def terms(self) -> BudgetTerms:
        """Return what its limits are made of."""
        away = self.away or AWAY[self.kind]
        alerts = tuple(sorted(self.alerts))
        return BudgetTerms(self.allow, written(self.by), self.name, alerts, away, self.shadow)

    @property
    def identity(self) -> str:
        """What tells its counts from those of other policies at the same place."""
        return self.terms().identity

    def check_own(self, written: Sequence[str]) -> None:
        """Refuse limits of a consumer that cannot stand in for these. Raises FieldFault."""
        self.terms().check_own(written)
        if self.reserve is not None:
            place = self._too_small(written, self._reserved())
            if place is not None:
                raise FieldFault((place,), f"it never holds `reserve: {self.reserve}`: write more")

    def cost(self, parts: Parts) -> UsdCost:
        """Return how calls cost."""
        reserve = None if self.reserve is None else self._reserved()
        return UsdCost(parts.forecast, reserve, hard=self.kind == "hard", refuses=not self.shadow)

    def _reserved(self) -> int:
        try:
            return amount.read(amount.plain(self.reserve or 0), "usd")
        except ValueError as error:
            raise FieldFault(("reserve",), str(error)) from error

    def _too_small(self, allow: Sequence[str], reserved: int) -> int | None:
        """Return the place of an allowance that never holds what is reserved."""
        for place, one in enumerate(self.terms().read(allow)):
            if one.amount < reserved:
                return place
        return None


class Policy:
    """Reserves what a call may cost, answers 429 where that is not left, and settles."""

    __slots__ = ("_limiter", "rules")

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare the limits, and what they are counted by."""
        subject = budget_subject(config.by)
        self.rules = (config.terms().rule(parts, subject, config.cost(parts)),)
        self._limiter = Limiter(self.rules, parts)

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Reserve, then go on or refuse."""
        return self._limiter.handle(exchange, onward)
