"""`traces`: spans of a share of the exchanges, for an OpenTelemetry collector.

A sampled exchange becomes a span of its own and one for each attempt at a target; the targets get a
`traceparent` that names the attempt. Where they go is set in `tracing`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from random import Random
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from sluicegate.journey.record.tracer import Tracer
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Which exchanges are traced."""

    sample: Annotated[
        float, Meta(ge=0, le=1, description="Share of the exchanges, from 0 to 1, by trace id.")
    ] = 0.01
    parent: Annotated[
        Literal["trust", "ignore"],
        Meta(
            description="`trust`: where one of `gateway.trusted_proxies` sends `traceparent`, it "
            "has decided. `ignore`: nobody else decides; for proxies that pass on their clients' "
            "`traceparent` unseen."
        ),
    ] = "trust"


class Policy:
    """Records exchanges that are sampled."""

    __slots__ = ("_tracer",)

    def __init__(self, config: Config, parts: Parts) -> None:
        """Raise ValueError where spans have nowhere to go."""
        if parts.spans is None:
            raise ValueError("the gateway was started without `tracing.endpoint`")
        # Not cryptographic: who cannot see the draws cannot tell the next one.
        draw = Random().random  # noqa: S311 - see above
        self._tracer = Tracer(parts.spans, config.sample, draw, trust=config.parent == "trust")

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Trace an exchange, or let it pass."""
        return self._tracer.handle(exchange, onward)
