"""What a consistent hash keeps together: of a request, a number that stands for who sent it.

The number is the first 64 bits of a BLAKE2b hash of the value: the same in every process, which
Python's own `hash` is not. It protects nothing: who chooses the value chooses the target.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

HashKey = Callable[["Exchange"], int | None]

KINDS: Final = "consumer, ip, header:<name> or cookie:<name>"


def hash_key_of(by: str) -> HashKey:
    """Compile `by` (`consumer`, `ip`, `header:<name>`, `cookie:<name>`) to a function.

    It returns a number of 64 bits, or None where a request has no such value, or an empty one: to
    send all of those to one target would help nobody. Raises ValueError that names the kinds.
    """
    if by == "consumer":
        return _consumer
    if by == "ip":
        return _ip
    kind, _, name = by.partition(":")
    if kind == "header" and name:
        return _header(name.lower().encode("ascii"))
    if kind == "cookie" and name:
        return _cookie(name.encode("ascii"))
    raise ValueError(f"`{by}` is nothing to hash by: write {KINDS}")


def key_of(value: bytes) -> int:
    """Return the number that stands for a value."""
    return int.from_bytes(blake2b(value, digest_size=8).digest(), "big")


def _consumer(exchange: Exchange) -> int | None:
    name = exchange.consumer_name
    return key_of(name.encode()) if name else None


def _ip(exchange: Exchange) -> int | None:
    return key_of(exchange.request.client_ip.encode())


def _header(name: bytes) -> HashKey:
    def read(exchange: Exchange) -> int | None:
        value = exchange.request.headers.get(name)
        return key_of(value) if value else None

    return read


def _cookie(name: bytes) -> HashKey:
    """Read a cookie's value (RFC 6265, section 5.4); its name is told apart by case."""

    def read(exchange: Exchange) -> int | None:
        for field in exchange.request.headers.get_all(b"cookie"):
            for pair in field.split(b";"):
                found, _, value = pair.strip(b" \t").partition(b"=")
                if found == name and value:
                    return key_of(value)
        return None

    return read
