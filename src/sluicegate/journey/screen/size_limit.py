"""`size_limit`: how large a request body may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.errors import BODY_TOO_LARGE
from sluicegate.model.units import Size
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts


class Config(PolicyConfig, frozen=True, kw_only=True):
    """The bound. `gateway.http.max_body` holds as well; the smaller one counts."""

    max_body: Annotated[Size, Meta(description="Bytes, such as `1MiB`. `0` allows no body at all.")]


class Policy:
    """Answers 413: at once by the announced length, else when the stream passes the bound."""

    __slots__ = ("_detail", "_max_body")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Keep the bound."""
        self._max_body = int(config.max_body)
        self._detail = f"the body is larger than {self._max_body} bytes"

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Look at the length, and lower the body's own limit."""
        body = exchange.request.body
        if body is not None:
            most = self._max_body
            length = body.length
            # A limit of 0 means none to the body itself, so what is chunked is refused here.
            if body.received > most or (not most if length is None else length > most):
                exchange.refuse(BODY_TOO_LARGE, self._detail)
                return
            if most and (not body.limit or most < body.limit):
                body.limit = most
        await onward(exchange)
