"""`rate_limit`: how much a caller may do in a time: requests, bytes, tokens or money.

All limits on the way of a request are taken at once: one that refuses charges none.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.journey.limit import amount
from sluicegate.journey.limit.amount import Unit
from sluicegate.journey.limit.cost import (
    LEAST,
    BytesCost,
    HeaderCost,
    TokensCost,
    UsdCost,
)
from sluicegate.journey.limit.limiter import Limiter
from sluicegate.journey.limit.modes import AwayField, Counting, Lease, Mode, Name, Shadow
from sluicegate.journey.limit.subjects import subject_of, written
from sluicegate.journey.limit.terms import Terms
from sluicegate.model.resource import FieldFault
from sluicegate.policy import PolicyConfig
from sluicegate.wire.http1.names import HOP_BY_HOP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange
    from sluicegate.journey.limit.cost import Cost
    from sluicegate.journey.limit.forecast import Forecast
    from sluicegate.policy import Onward, Parts

FieldName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$(?!\n)",
        extra={"expected": "a name of a header, such as `x-tokens`"},
    ),
]

FRAMING = frozenset({b"connection", b"content-length", b"transfer-encoding", b"upgrade"})
"""Fields that the wire takes for itself, beside those of one connection."""
TOLD = frozenset({"tokens", "usd"})
"""Units whose amounts are known once there is an answer."""


class Config(PolicyConfig, frozen=True, kw_only=True):
    """How much, and by whom.

    Counts outlive a change of the numbers as long as the place (route, plan, gateway), `name`,
    `by`, `unit`, the period and the kind of the allowance stay the same. A plan's limits are shared
    by all routes that its consumers call.
    """

    allow: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="All must admit. `N/second`, `minute`, `hour` or `day` counts in windows "
            "of the clock, UTC; with `sliding` in a window that moves along, with `log` in one "
            "that is exact at every instant (at most 1000); with `burst B` it is a token bucket "
            "that holds B; with `delay 2s` a leaky bucket in which requests wait their turn.",
            examples=[["10/second burst 20", "500/minute", "10000/day"]],
        ),
    ]
    by: Annotated[
        str | list[str],
        Meta(
            description="Whom it counts: `consumer`, `key` (both: the address where the caller is "
            "anonymous), `team`, `plan`, `ip` (IPv6: the /64), `ip/24` or `ip/24,56` (prefixes), "
            "`route`, `model` (as `models` names it), `header:<name>` (requests without it share "
            "one allowance); a list counts each combination."
        ),
    ] = "consumer"
    name: Name = ""
    unit: Annotated[
        Unit,
        Meta(
            description="What is counted. `bytes`: of both bodies, as sizes (`10MiB/second`). "
            "`tokens` and `usd` (`0.25/minute`): what calls of models use and cost, or what "
            "`cost_header` says."
        ),
    ] = "requests"
    mode: Annotated[
        Mode,
        Meta(
            description="`exact`: every request asks the state. `leased`: workers spend blocks "
            "that they are lent. `eventual`: exact in each region, others are told afterwards."
        ),
    ] = "exact"
    lease: Annotated[Lease | None, Meta(description="For `mode: leased`.")] = None
    away: AwayField = "share"
    shadow: Shadow = False
    reserve: Annotated[
        int | float | str | None,
        Meta(
            description="Charged before the cost is known, then settled. Without it: of `bytes` "
            "what the request announces; of a call of a model what is to be expected; else the "
            "least there is."
        ),
    ] = None
    cost_header: Annotated[
        FieldName | None,
        Meta(
            description="Field of the target's response that says what the request cost, in "
            "tokens or dollars. It is taken out. A request whose response lacks it costs what was "
            "reserved. Without it, calls of models cost what they use, and others nothing.",
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse what cannot be read, counted or told apart."""
        subject_of(self.by)
        if self.lease is not None and self.mode != "leased":
            raise FieldFault(("lease",), "it is for `mode: leased`: write that, or leave it out")
        self.terms().check()
        self._check_cost()

    def terms(self, regions: int = 1) -> Terms:
        """Return what limits are made of."""
        counting = Counting(self.mode, self.lease or Lease(), regions)
        by = written(self.by)
        return Terms(self.allow, by, self.name, self.unit, counting, self.away, self.shadow)

    @property
    def identity(self) -> str:
        """What tells its counts from those of other policies at the same place."""
        return self.terms().identity

    def check_own(self, written: Sequence[str]) -> None:
        """Refuse limits of a consumer that cannot stand in for these. Raises FieldFault."""
        self.terms().check_own(written)
        place = self._too_small(written)
        if place is not None:
            raise FieldFault((place,), f"it never holds `reserve: {self.reserve}`: write more")

    def cost(self, forecast: Forecast) -> Cost | None:
        """Return how requests cost; None where each costs 1."""
        if self.unit == "requests":
            return None
        reserve = None if self.reserve is None else self._reserved()
        if self.unit == "bytes":
            return BytesCost(reserve)
        if self.cost_header is not None:
            name = self.cost_header.lower().encode()
            return HeaderCost(reserve or LEAST, name, partial(amount.told, unit=self.unit))
        if self.unit == "tokens":
            return TokensCost(forecast, reserve)
        return UsdCost(forecast, reserve, hard=False)

    def _check_cost(self) -> None:
        if self.unit not in TOLD and self.cost_header is not None:
            message = f"{self.unit} are counted here: leave it out, or write `unit: tokens`"
            raise FieldFault(("cost_header",), message)
        if (self.cost_header or "").lower().encode() in FRAMING | HOP_BY_HOP:
            message = f"`{self.cost_header}` belongs to the connection: write one of the target's"
            raise FieldFault(("cost_header",), message + " own, such as `x-tokens`")
        if self.reserve is None:
            return
        if self.unit == "requests":
            raise FieldFault(("reserve",), "a request costs 1: leave it out, or name a `unit`")
        if self._reserved() < 1:
            raise FieldFault(("reserve",), "it lets everybody in: write more than 0, or leave it")
        place = self._too_small(self.allow)
        if place is not None:
            message = f"it is more than `{self.allow[place]}` ever holds: write less, or allow more"
            raise FieldFault(("reserve",), message)

    def _too_small(self, written: Sequence[str]) -> int | None:
        """Return the place of an allowance that never holds what is reserved."""
        if self.reserve is not None:
            terms = self.terms()
            for place, limit in enumerate(terms.counting.limits(terms.read(written))):
                if limit.algorithm.limit < self._reserved():
                    return place
        return None

    def _reserved(self) -> int:
        try:
            return amount.read(amount.plain(self.reserve or 0), self.unit)
        except ValueError as error:
            raise FieldFault(("reserve",), str(error)) from error


class Policy:
    """Takes from every limit, answers 429 when one refuses, and says what is left."""

    __slots__ = ("_limiter", "rules")

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare the limits, and what they are counted by."""
        terms = config.terms(parts.regions)
        cost = config.cost(parts.forecast)
        self.rules = (terms.rule(parts, subject_of(config.by), cost),)
        self._limiter = Limiter(self.rules, parts)

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Take, then go on or refuse."""
        return self._limiter.handle(exchange, onward)
