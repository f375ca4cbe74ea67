"""`maintenance`: closes a route with 503 for the time being."""

# ruff: noqa: TC001 - plain imports, as a reader would write them
from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from sluicegate.errors import UNAVAILABLE
from sluicegate.exchange import Exchange
from sluicegate.policy import Onward, Parts, PolicyConfig

STAGE = "screen"


class Config(PolicyConfig, frozen=True, kw_only=True):
    """When to come back."""

    retry_after: Annotated[int, Meta(ge=1, description="Seconds.")] = 60


class Policy:
    """Answers every request."""

    answers = True

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Prepare the header."""
        self._headers = ((b"retry-after", b"%d" % config.retry_after),)

    async def handle(self, exchange: Exchange, onward: Onward) -> None:  # noqa: ARG002 - never on
        """Refuse."""
        exchange.refuse(UNAVAILABLE, "closed for maintenance", self._headers)
