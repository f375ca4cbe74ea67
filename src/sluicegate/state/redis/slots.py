"""Hash slots of a cluster: which one a key is in, and which node has it.

https://valkey.io/topics/cluster-spec/, "Key distribution model" and "Clients first connection and
handling of redirections".
"""

from __future__ import annotations

from binascii import crc_hqx
from typing import Final

from sluicegate.state.redis.address import Endpoint

SLOTS: Final = 16_384


def slot_of(tag: bytes) -> int:
    """Return the slot of a hash tag (what is between the braces of a key)."""
    return crc_hqx(tag, 0) % SLOTS


class SlotRange:
    """Slots `first` to `last`, both included, and their primary."""

    __slots__ = ("first", "last", "primary")

    def __init__(self, first: int, last: int, primary: Endpoint) -> None:
        """Keep it."""
        self.first = first
        self.last = last
        self.primary = primary


def ranges(reply: object, asked: Endpoint) -> list[SlotRange] | None:
    """Read the answer of `asked` to CLUSTER SLOTS; None where it is none, or says nothing.

    A node that does not know its own address leaves the host empty: then it is where we asked.
    """
    if not isinstance(reply, list) or not reply:
        return None
    found = []
    for first, last, primary, *_ in reply:
        host = primary[0].decode() if primary[0] else asked.host
        found.append(
            SlotRange(first, last, Endpoint(asked.host if host == "?" else host, primary[1]))
        )
    return found
