"""Networks as operators write them (`10.0.0.0/8`, `2001:db8::/32`), and who is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
MAPPED_BITS = 96


def read_networks(texts: Iterable[str]) -> list[Network]:
    """Read networks and single addresses; raises ValueError that says how to write one."""
    return [_network(text) for text in texts]


def read_address(text: str) -> Address | None:
    """Read a client's address, IPv4 out of mapped IPv6; None for what is no address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def within(address: Address, networks: Sequence[Network]) -> bool:
    """Say whether an address is in one of the networks."""
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
