"""`ip_range`: from which addresses a request may come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.errors import FORBIDDEN
from sluicegate.journey.screen.networks import read_address, read_networks, within
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

MOST_REMEMBERED = 4096
"""Addresses whose verdict is kept: about 0.5 MB."""


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Addresses (`192.0.2.7`) and networks (`10.0.0.0/8`, `2001:db8::/32`).

    The address is the client's as far as `gateway.trusted_proxies` are believed.
    """

    allow: Annotated[
        list[str], Meta(description="Only these may call. Empty: everybody who is not denied.")
    ] = []
    deny: Annotated[list[str], Meta(description="These may not, even where `allow` has them.")] = []

    def __post_init__(self) -> None:
        """Refuse what is no network, and a policy that lets everybody through."""
        if not self.allow and not self.deny:
            raise ValueError("nobody is named: write `allow`, `deny` or both")
        read_networks((*self.allow, *self.deny))


class Policy:
    """Answers 403 to those who may not call."""

    __slots__ = ("_allow", "_deny", "_known")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Read the networks."""
        self._allow = read_networks(config.allow)
        self._deny = read_networks(config.deny)
        self._known: dict[str, bool] = {}

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Look the address up; a new one is worked out once."""
        address = exchange.request.client_ip
        admitted = self._known.get(address)
        if admitted is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            admitted = self._known[address] = self._admits(address)
        if admitted:
            await onward(exchange)
        else:
            exchange.refuse(FORBIDDEN, "the client's address may not call this route")

    def _admits(self, text: str) -> bool:
        address = read_address(text)
        # Who cannot be told apart from a denied client is treated as one.
        if address is None or within(address, self._deny):
            return False
        return not self._allow or within(address, self._allow)
