"""`deadline`: how long the caller still waits, held to here and told to the service.

The header holds milliseconds that are left, as a plain number. Left, not a time of day, because two
machines' clocks differ and a span does not: gRPC's `grpc-timeout` is a span too. Milliseconds
without a unit, because that is what Envoy sends on (`x-envoy-expected-rq-timeout-ms`) and heeds
(`x-envoy-upstream-rq-timeout-ms`): `header` may be one of those names. The service gets what is
left when its attempt begins, in the same header, never the number that came in.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from math import inf
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.journey.screen.countdown import Countdown
from sluicegate.model.units import Duration
from sluicegate.policy import PolicyConfig
from sluicegate.wire.http1.names import RequestField, RequestNames

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

NAME = re.compile(r"^[A-Za-z0-9!#$%&'*+.^`|~-]+$")


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Where the time is read, and how much of it there may be. Attempts and waits all fit into it.

    A caller that names more than `max` gets `max`.
    """

    header: Annotated[
        str, Meta(description="Holds the milliseconds that are left, both coming in and sent on.")
    ] = "deadline"
    default: Annotated[
        Duration, Meta(description="For requests without the header. 0: those have no deadline.")
    ] = Duration(0)
    max: Annotated[Duration, Meta(description="Longest that a caller may name. 0: no bound.")] = (
        Duration(0)
    )

    def __post_init__(self) -> None:
        """Refuse names that are not free, and a default that would never hold."""
        taken = RequestNames().kind(self.header.lower().encode()) != RequestField.PLAIN
        if taken or not NAME.match(self.header):
            raise ValueError(f"`{self.header}` is no header that can hold a deadline")
        if self.max and self.default > self.max:
            raise ValueError("`default` is longer than `max`")


class Policy:
    """Sets the exchange's deadline."""

    __slots__ = ("_countdown",)

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Prepare the bounds."""
        self._countdown = Countdown(
            config.header, float(config.default) or inf, float(config.max) or inf
        )

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Read the header, then go on or refuse."""
        return self._countdown.handle(exchange, onward)
