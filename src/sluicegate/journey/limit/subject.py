"""Whom a limit counts: the part of a request that tells one subject from another."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

Subject = Callable[["Exchange"], str]

KINDS = "consumer, ip, route, key or header:<name>"
HEADER = re.compile(r"^header:([A-Za-z0-9!#$%&'*+.^_`|~-]+)$")
LONGEST = 64
"""Characters of a header's value that are kept as they are; longer ones are kept as a hash."""
MAPPED = b"\0" * 10 + b"\xff\xff"


def subject_of(by: Sequence[str]) -> Subject:
    """Compile `by` to a function. Several kinds make one subject: every combination is counted.

    Raises ValueError that names the kinds there are.
    """
    parts = [_one(kind) for kind in by]
    if not parts:
        raise ValueError(f"`by` is empty: write {KINDS}")
    if len(parts) == 1:
        return parts[0]
    # 0x1f cannot be in a header's value, so no two combinations read the same.
    return lambda exchange: "\x1f".join([part(exchange) for part in parts])


def ip_prefix(address: str) -> str:
    """Return what one client holds: an IPv4 address, or the /64 of an IPv6 address.

    A /64 is the least that a network gets (RFC 6177), so its owner has 2**64 addresses to use up.
    """
    if ":" not in address:
        return address
    try:
        packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    except OSError:
        return address
    if packed.startswith(MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return packed[:8].hex(":", 2) + "::/64"


def _one(kind: str) -> Subject:
    known = {"consumer": _consumer, "key": _key, "ip": _ip, "route": _route}
    if kind in known:
        return known[kind]
    match = HEADER.match(kind)
    if match is None:
        raise ValueError(f"`{kind}` is nobody to count by: write {KINDS}")
    return _header(match[1].lower().encode())


def _ip(exchange: Exchange) -> str:
    return ip_prefix(exchange.request.client_ip)


def _consumer(exchange: Exchange) -> str:
    name = exchange.consumer_name
    return "=" + name if name is not None else "anonymous:" + _ip(exchange)


def _key(exchange: Exchange) -> str:
    key_id = exchange.key_id
    return "=" + key_id if key_id is not None else "anonymous:" + _ip(exchange)


def _route(exchange: Exchange) -> str:
    route = exchange.route
    return route.name if route is not None else "-"


def _header(name: bytes) -> Subject:
    def read(exchange: Exchange) -> str:
        value = exchange.request.headers.get(name)
        if value is None:
            return "-"
        if len(value) > LONGEST:
            return "#" + hashlib.blake2b(value, digest_size=16).hexdigest()
        return "=" + value.decode("latin-1")

    return read
