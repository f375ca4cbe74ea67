"""`ip_range`: from which addresses a request may come."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.errors import FORBIDDEN
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

Network = IPv4Network | IPv6Network
MOST_REMEMBERED = 4096
"""Addresses whose verdict is kept: about 0.5 MB."""
MAPPED_BITS = 96


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
        for text in (*self.allow, *self.deny):
            _network(text)


class Policy:
    """Answers 403 to those who may not call."""

    __slots__ = ("_allow", "_deny", "_known")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Read the networks."""
        self._allow = [_network(text) for text in config.allow]
        self._deny = [_network(text) for text in config.deny]
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
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            # Who cannot be told apart from a denied client is treated as one.
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if _within(address, self._deny):
            return False
        return not self._allow or _within(address, self._allow)


def _within(address: IPv4Address | IPv6Address, networks: list[Network]) -> bool:
    return any(address in network for network in networks)


def _network(text: str) -> Network:
    """Read a network; one of IPv4-mapped addresses is the IPv4 network it stands for."""
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"`{text}` is no address or network: write `10.0.0.0/8`") from error
    if "/" in text and str(network.network_address) != str(ip_address(text.partition("/")[0])):
        raise ValueError(f"`{text}` has bits beyond its prefix: write `{network}`")
    if isinstance(network, IPv6Network) and network.prefixlen >= MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - MAPPED_BITS))
    return network
