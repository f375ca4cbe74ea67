"""The PROXY protocol, versions 1 and 2: the client's address ahead of its first byte.

Sans-IO. Source: "The PROXY protocol", Willy Tarreau, HAProxy doc/proxy-protocol.txt (2020-03-05).
A header that is not exactly what that text describes ends the connection: the sender is a trusted
proxy, so it is either misconfigured or somebody else.
"""

from __future__ import annotations

import re
import struct
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

from sluicegate.errors import SluicegateError

MAX_V1 = 107
"""Bytes of a version 1 line with its CRLF: the longest that section 2.1 allows."""
MAX_V2 = 4096
"""Bytes of a version 2 header. The addresses need 232 at most, but the sender's TLVs (a client
certificate, cloud link ids) share the length; nginx reads 4096, HAProxy its 16 KiB buffer."""

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_PREFIX = b"PROXY "
_V1 = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|(TCP4|TCP6) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+)"
    rb" (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))\r\n"
)
_V2_START = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_MAX_PORT = 65535

Endpoint = tuple[str, int]
"""IP address in canonical form and port."""


class ProxyProtocolError(SluicegateError):
    """What stands where the PROXY header belongs is none."""


class Header(NamedTuple):
    """A whole header: how many bytes it takes, and what it says.

    `source` and `destination` are None where the header says to use the socket's own addresses:
    `UNKNOWN`, `LOCAL` (a health check of the proxy itself), and families other than TCP over IP.
    """

    consumed: int
    source: Endpoint | None
    destination: Endpoint | None


def parse(buffer: bytes) -> Header | None:
    """Read the header that `buffer` begins with.

    None means that every byte so far belongs to a header and more of it has to come, so that
    whoever peeks may consume them all. Raises ProxyProtocolError as soon as it can be none.
    """
    if buffer[:1] == b"P":
        return _parse_v1(buffer)
    if SIGNATURE.startswith(buffer[:12]):
        return _parse_v2(buffer) if len(buffer) >= _V2_START.size else None
    raise ProxyProtocolError("the connection does not begin with a PROXY protocol header")


def _parse_v1(buffer: bytes) -> Header | None:
    end = buffer.find(b"\r\n", 0, MAX_V1)
    if end < 0:
        if len(buffer) >= MAX_V1 or not _PREFIX.startswith(buffer[: len(_PREFIX)]):
            raise ProxyProtocolError(f"version 1: no line of at most {MAX_V1} bytes")
        return None
    match = _V1.fullmatch(buffer, 0, end + 2)
    if match is None:
        raise ProxyProtocolError("version 1: expected `PROXY TCP4|TCP6 source destination ports`")
    if match[1] is None:
        return Header(end + 2, None, None)
    kind = IPv4Address if match[1] == b"TCP4" else IPv6Address
    try:
        source, destination = kind(match[2].decode()), kind(match[3].decode())
    except AddressValueError:
        raise ProxyProtocolError("version 1: an address is not of its family") from None
    ports = int(match[4]), int(match[5])
    if max(ports) > _MAX_PORT:
        raise ProxyProtocolError("version 1: a port is above 65535")
    return Header(end + 2, (_plain(source), ports[0]), (_plain(destination), ports[1]))


def _parse_v2(buffer: bytes) -> Header | None:
    _, command, family, length = _V2_START.unpack_from(buffer)
    consumed = _V2_START.size + length
    if command not in (_LOCAL, _PROXY):
        raise ProxyProtocolError("version 2: unknown version or command")
    if consumed > MAX_V2:
        raise ProxyProtocolError(f"version 2: longer than {MAX_V2} bytes")
    if command == _PROXY and family not in _FAMILIES:
        raise ProxyProtocolError("version 2: unknown address family or protocol")
    # LOCAL carries no meaning beside its length: the receiver must skip what it holds.
    needed, layout = _FAMILIES[family] if command == _PROXY else (0, None)
    if length < needed:
        raise ProxyProtocolError("version 2: too short for its address family")
    if len(buffer) < consumed:
        return None
    if layout is None:
        return Header(consumed, None, None)
    source, destination, source_port, destination_port = layout.unpack_from(buffer, _V2_START.size)
    kind = IPv4Address if layout is _INET else IPv6Address
    return Header(
        consumed,
        (_plain(kind(source)), source_port),
        (_plain(kind(destination)), destination_port),
    )


_INET = struct.Struct("!4s4sHH")
_INET6 = struct.Struct("!16s16sHH")
_FAMILIES: dict[int, tuple[int, struct.Struct | None]] = {
    0x00: (0, None),  # UNSPEC
    0x11: (12, _INET),  # TCP over IPv4
    0x12: (12, None),  # UDP: no client of ours, but a valid header
    0x21: (36, _INET6),
    0x22: (36, None),
    0x31: (216, None),  # UNIX, stream and datagram
    0x32: (216, None),
}


def _plain(address: IPv4Address | IPv6Address) -> str:
    """Write an address as rules about IPv4 expect it, also from a dual-stack proxy."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
