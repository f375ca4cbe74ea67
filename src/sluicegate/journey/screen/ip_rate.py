"""`ip_rate`: how much an address may send, before anybody asks who it is.

It stands before keys are looked up, so that a flood costs one question to the state, or none.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.journey.limit.limiter import Limiter
from sluicegate.journey.limit.modes import Away, Counting, Lease, Mode, Shadow
from sluicegate.journey.limit.subjects import ip
from sluicegate.journey.limit.terms import PrefixV4, PrefixV6, Terms
from sluicegate.model.resource import FieldFault
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts


class Config(PolicyConfig, frozen=True, kw_only=True):
    """How many requests an address may make. `allow`, `mode` and `away` are as in `rate_limit`.

    The address is the client's as far as `gateway.trusted_proxies` are believed.
    """

    allow: Annotated[
        list[str],
        Meta(min_length=1, description="All must admit.", examples=[["50/second burst 200"]]),
    ]
    prefix_v4: PrefixV4 = 32
    prefix_v6: PrefixV6 = 64
    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9-]{0,32}$(?!\n)",
            description="Tells limits of one place apart, in counts and in headers, where they are "
            "called `ip_rate` without it.",
            extra={"expected": "up to 32 of `a-z`, `0-9` and `-`"},
        ),
    ] = ""
    mode: Annotated[Mode, Meta(description="How exactly replicas and regions count.")] = "exact"
    lease: Annotated[Lease | None, Meta(description="For `mode: leased`.")] = None
    away: Annotated[Away, Meta(description="While the state does not answer.")] = "share"
    shadow: Shadow = False

    def __post_init__(self) -> None:
        """Refuse what cannot be read, counted or told apart."""
        if self.lease is not None and self.mode != "leased":
            raise FieldFault(("lease",), "it is for `mode: leased`: write that, or leave it out")
        self.terms().check()

    def terms(self, regions: int = 1) -> Terms:
        """Return what limits are made of."""
        by = f"ip_rate/{self.prefix_v4},{self.prefix_v6}"
        counting = Counting(self.mode, self.lease or Lease(), regions)
        return Terms(
            self.allow,
            by,
            self.name,
            counting=counting,
            away=self.away,
            shadow=self.shadow,
            unnamed="ip_rate",  # no `name` reads so: no other limit's series is the same
        )

    @property
    def identity(self) -> str:
        """What tells its counts from those of other policies at the same place."""
        return self.terms().identity


class Policy:
    """Takes from every limit, answers 429 when one refuses, and says what is left."""

    __slots__ = ("_limiter", "rules")

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare the limits."""
        prefix = ip.prefix(config.prefix_v4, config.prefix_v6)
        rule = config.terms(parts.regions).rule(
            parts, lambda exchange: prefix(exchange.request.client_ip)
        )
        self.rules = (rule,)
        self._limiter = Limiter(self.rules, parts)

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Take, then go on or refuse."""
        return self._limiter.handle(exchange, onward)
