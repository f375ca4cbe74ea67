"""`maintenance`: answers 503 with `Retry-After` while a service is being worked on.

Those in `except` still get through. Only where that list is not empty does the route need a
service.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, field

from sluicegate.errors import MAINTENANCE
from sluicegate.journey.screen.networks import read_address, read_networks, within
from sluicegate.model.units import Duration
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts


class Config(PolicyConfig, frozen=True, kw_only=True):
    """What callers are told, and who is not turned away."""

    retry_after: Annotated[
        Duration,
        Meta(description="`Retry-After`, in whole seconds, rounded up; 0 sends none."),
    ] = Duration(300)
    detail: Annotated[
        str | None, Meta(description="`detail` of the problem document, such as when it is over.")
    ] = None
    except_: Annotated[
        list[str],
        Meta(
            description="Addresses and networks that get through; the address is the client's as "
            "far as `gateway.trusted_proxies` are believed."
        ),
    ] = field(name="except", default_factory=list)

    def __post_init__(self) -> None:
        """Refuse what is no network."""
        read_networks(self.except_)


class Policy:
    """Refuses everybody but the exceptions."""

    __slots__ = ("_detail", "_except", "_headers")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Prepare the answer."""
        self._except = read_networks(config.except_)
        self._detail = config.detail
        seconds = ceil(config.retry_after)
        self._headers = ((b"retry-after", b"%d" % seconds),) if seconds else ()

    @staticmethod
    def answers(config: Config) -> bool:
        """Say that nobody gets past it."""
        return not config.except_

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Answer; HEAD and GET are told the same."""
        if self._except:
            address = read_address(exchange.request.client_ip)
            if address is not None and within(address, self._except):
                await onward(exchange)
                return
        exchange.refuse(MAINTENANCE, self._detail, self._headers)
