"""`mask_cards`: hides what looks like a card's number in responses that are not compressed."""

# ruff: noqa: TC001 - plain imports, as a reader would write them
from __future__ import annotations

import re

from sluicegate.exchange import Exchange
from sluicegate.model.units import Size
from sluicegate.policy import Onward, Parts, PolicyConfig

STAGE = "shape"
CARD = re.compile(rb"\b[0-9]{12,15}([0-9]{4})\b")


class Config(PolicyConfig, frozen=True, kw_only=True):
    """`max_body`: responses larger than this become a 502."""

    max_body: Size = Size(2**20)


class Policy:
    """Needs the whole body, because a number may lie across two pieces of it."""

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Keep the bound."""
        self._max_body = config.max_body

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Declare what is done to the response, then go on."""
        exchange.whole(self._max_body, self._mask)
        await onward(exchange)

    async def _mask(self, exchange: Exchange, body: bytes) -> bytes:  # noqa: ARG002 - a hook's form
        return CARD.sub(rb"************\1", body)
