"""`ip`: by the client's address, as far as `gateway.trusted_proxies` are believed.

`ip` is an IPv4 address, or the /64 of an IPv6 address: the least that a network gets (RFC 6177), so
that its owner has 2**64 addresses to use up. `ip/24` and `ip/24,56` name the length of the prefix
that counts as one, of IPv4 and of IPv6 addresses.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

FORMS: Final = "ip, ip/24, ip/24,56"
WRITTEN: Final = re.compile(r"^/([0-9]{1,3})(?:,([0-9]{1,3}))?$(?!\n)", re.ASCII)
V4_BITS, V6_BITS = 32, 128
V6_DEFAULT: Final = 64
MAPPED: Final = b"\0" * 10 + b"\xff\xff"
V4_OF_MAPPED: Final = 12
ZERO: Final = b"\0"


def subject(rest: str) -> Callable[[Exchange], str]:
    """Compile the lengths of prefixes; both are the default where none is written."""
    if not rest:
        by = prefix(V4_BITS, V6_DEFAULT)
    else:
        match = WRITTEN.match(rest)
        v4 = 0 if match is None else int(match[1])
        v6 = V6_DEFAULT if match is None or match[2] is None else int(match[2])
        if not (0 < v4 <= V4_BITS and 0 < v6 <= V6_BITS):
            raise ValueError("write `ip`, or lengths of prefixes: `ip/24`, or `ip/24,56` for IPv6")
        by = prefix(v4, v6)
    return lambda exchange: by(exchange.request.client_ip)


def prefix(v4: int, v6: int) -> Callable[[str], str]:
    """Return a function from an address to the network of that many bits that it is in.

    A whole address stands for itself, and so does what is no address (a Unix socket).
    """

    def read(address: str) -> str:
        if ":" not in address:
            return address if v4 == V4_BITS else _of_text(address, v4)
        try:
            packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
        except OSError:
            return address
        if not packed.startswith(MAPPED):
            return _network(socket.AF_INET6, packed, v6)
        if v4 == V4_BITS:
            return socket.inet_ntop(socket.AF_INET, packed[V4_OF_MAPPED:])
        return _network(socket.AF_INET, packed[V4_OF_MAPPED:], v4)

    return read


def _of_text(address: str, bits: int) -> str:
    try:
        packed = socket.inet_pton(socket.AF_INET, address)
    except OSError:
        return address
    return _network(socket.AF_INET, packed, bits)


def _network(family: int, packed: bytes, bits: int) -> str:
    size = len(packed)
    whole, rest = divmod(bits, 8)
    kept = packed[:whole]
    if rest:
        kept += bytes((packed[whole] >> (8 - rest) << (8 - rest),))
    return f"{socket.inet_ntop(family, kept.ljust(size, ZERO))}/{bits}"
