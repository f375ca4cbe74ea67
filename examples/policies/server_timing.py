"""`server_timing`: tells browsers how long the answer took (the W3C's Server-Timing)."""

# ruff: noqa: TC001 - plain imports, as a reader would write them
from __future__ import annotations

from sluicegate.exchange import Exchange
from sluicegate.policy import Onward, Parts, PolicyConfig

STAGE = "shape"


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Nothing to set."""


class Policy:
    """Adds one header to every response."""

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - nothing to set
        """Keep the clock."""
        self._clock = parts.clock

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Declare what is done to the response, then go on."""
        exchange.on_head(self._add)
        await onward(exchange)

    def _add(self, exchange: Exchange) -> None:
        if exchange.response is not None:
            took_ms = (self._clock.monotonic() - exchange.started_at) * 1000
            exchange.response.headers.append((b"server-timing", b"total;dur=%.1f" % took_ms))
