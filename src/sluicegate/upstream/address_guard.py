"""Which addresses the name of a target may lead to.

A name is resolved by a server that somebody else may run, and may answer with something else at
every look-up. So that it leads neither to this machine, nor to its neighbours, nor to the metadata
service of a cloud (server-side request forgery, OWASP API7:2023), a name may resolve to public
addresses only, and to those in `gateway.private_networks`. An address that stands in a target's URL
was chosen by whoever wrote the configuration and is never asked about here.

Public is what the IANA registers as globally reachable (RFC 6890) and is no multicast; of IPv6 that
is within 2000::/3, the only part that is assigned as unicast (RFC 4291). An IPv6 address that
stands for an IPv4 one, or leads to one through a translator or a tunnel, is judged by that one.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

from sluicegate.wire.forwarded import read_networks

Address = IPv4Address | IPv6Address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
"""The well-known prefix of RFC 6052; the IPv4 address is the last 32 bits."""
_NOT_PUBLIC = (IPv4Network("192.0.0.0/24"), IPv4Network("168.63.129.16/32"))
"""Protocol assignments, which Python before 3.11.9 takes for global but for a few (a metadata
service is at 192.0.0.192), and the address by which Azure's machines reach their host."""
_IPV4_MASK = 0xFFFF_FFFF


class AddressGuard:
    """Judges the addresses that names resolve to. Pure: no look-ups, no clock."""

    __slots__ = ("_networks",)

    def __init__(self, private_networks: Iterable[str] = ()) -> None:
        """Take CIDR networks or single addresses. Raises ConfigError that names each wrong one."""
        self._networks = read_networks("gateway.private_networks", private_networks)

    def judge(self, addresses: Iterable[str]) -> tuple[list[str], list[str]]:
        """Return those that may be connected to, and those that may not, each in their order."""
        allowed: list[str] = []
        refused: list[str] = []
        for address in addresses:
            (allowed if self.allows(address) else refused).append(address)
        return allowed, refused

    def allows(self, text: str) -> bool:
        """Whether a name may lead to this address, with or without a zone (`fe80::1%eth0`)."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if _leads_nowhere(address):
            return False
        if self._contain(address):
            return True
        embedded = _embedded(address)
        if not embedded:
            return _is_public(address)
        return all(
            not _leads_nowhere(inner) and (self._contain(inner) or _is_public(inner))
            for inner in embedded
        )

    def _contain(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _leads_nowhere(address: Address) -> bool:
    """Say whether no setting allows it: `0.0.0.0` and `::` mean this machine, groups no host."""
    return address.is_unspecified or address.is_multicast


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses in an IPv6 one: mapped, NAT64, 6to4 (RFC 3056), Teredo (RFC 4380).

    Teredo has two, the server's and the client's; either may be where packets go.
    """
    if isinstance(address, IPv4Address):
        return ()
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (IPv4Address(int(address) & _IPV4_MASK),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo or ()
