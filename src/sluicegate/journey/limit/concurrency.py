"""`concurrency`: how many requests of a caller may be under way at once.

A request holds a slot from here to its end, however that comes: an answer, an error, a client that
went away. What a killed worker held is free again after `expiry`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.journey.limit.algorithms.slots import Slots
from sluicegate.journey.limit.allow_notation import MOST_CONCURRENT, parse_concurrent
from sluicegate.journey.limit.counters import counters
from sluicegate.journey.limit.holding import Holding
from sluicegate.journey.limit.limiter import Limiter
from sluicegate.journey.limit.modes import AwayField, Name, Shadow
from sluicegate.journey.limit.rule import Limits, Rule
from sluicegate.journey.limit.subjects import subject_of, written
from sluicegate.model.resource import FieldFault
from sluicegate.model.units import Duration
from sluicegate.policy import PolicyConfig
from sluicegate.state.contract import Group, Limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

LEAST_S, MOST_S = 1, 3600
UNIT = "concurrent"


class Config(PolicyConfig, frozen=True, kw_only=True):
    """How many at once, and of whom. Takes part in the all or nothing of `rate_limit`."""

    limit: Annotated[int, Meta(ge=1, le=MOST_CONCURRENT, description="Requests under way.")]
    by: Annotated[str | list[str], Meta(description="Whom it counts, as in `rate_limit`.")] = (
        "consumer"
    )
    name: Name = ""
    expiry: Annotated[
        Duration,
        Meta(
            description="After that a slot is free whose holder was not heard of; a holder is "
            "heard of three times as often. `1s` to `1h`."
        ),
    ] = Duration(30)
    away: AwayField = "share"
    shadow: Shadow = False

    def __post_init__(self) -> None:
        """Refuse what cannot be counted."""
        subject_of(self.by)
        if not LEAST_S <= self.expiry <= MOST_S:
            raise FieldFault(("expiry",), f"found {self.expiry}; expected `1s` to `1h`")

    @property
    def identity(self) -> str:
        """What tells its counts from those of other policies at the same place."""
        return f"{self.name};{written(self.by)};{UNIT}"

    def check_own(self, written: Sequence[str]) -> None:
        """Refuse a consumer's own limit that cannot stand in. Raises FieldFault."""
        if len(written) != 1:
            raise FieldFault((), f"found {len(written)} limits; expected one: `[10 concurrent]`")
        try:
            parse_concurrent(written[0])
        except ValueError as error:
            raise FieldFault((0,), str(error)) from error


class Policy:
    """Takes a slot, answers 429 where none is free, and says how many are left."""

    __slots__ = ("_limiter", "rules")

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare the limit, and what it is counted by."""
        self.rules = (slots_rule(config, parts, subject_of(config.by)),)
        self._limiter = Limiter(self.rules, parts)

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Take, then go on or refuse."""
        return self._limiter.handle(exchange, onward)


def slots_rule(config: Config, parts: Parts, subject: Callable[[Exchange], str]) -> Rule:
    """Build the rule for where `parts` say."""
    expiry_us = round(config.expiry * 1_000_000)
    place = f"{config.identity};{parts.scope}"

    def limits(written: Sequence[str]) -> Limits:
        count = parse_concurrent(written[0])
        label = Limit("slots-" + UNIT, Slots(count, expiry_us))
        name = f"{config.name}-{count}-{UNIT}" if config.name else f"{count}-{UNIT}"
        said = f'"{name}";q={count};qu="concurrent-requests"'
        group = Group(place, [label], shadow=config.shadow)
        return Limits(group, [name], [f"{count} at once"], said, None)

    def own(written: Sequence[str]) -> Limits:
        config.check_own(written)
        return limits(written)

    made = limits([f"{config.limit} {UNIT}"])
    counted = counters(parts.metrics, parts.scope, made.names, config.away, shadow=config.shadow)
    holding = Holding(parts.clock, parts.aside, float(config.expiry))
    return Rule(config.name, made, subject, own, counted, away=config.away, holding=holding)
