"""A name server of one place: addresses (A) of names, as a function gives them (RFC 1035, 4.1)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence

A, NO_NAME = 1, 3
TTL_S = 1
ANSWER, POINTER = 0x8180, 0xC00C
"""A response, recursion asked for and had; the name of the question, which begins at byte 12."""


def answered(query: bytes, look_up: Callable[[str], Sequence[str] | None]) -> bytes:
    """Return the response to a query of one question; `look_up` gives None for an unknown name."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    question = query[12 : at + 5]
    (kind,) = struct.unpack_from("!H", query, at + 1)
    found = look_up(".".join(labels).lower())
    addresses = (found or []) if kind == A else []
    flags = ANSWER | (0 if found is not None else NO_NAME)
    head = query[:2] + struct.pack("!5H", flags, 1, len(addresses), 0, 0)
    records = [
        struct.pack("!HHHIH", POINTER, A, 1, TTL_S, 4) + socket.inet_aton(address)
        for address in addresses
    ]
    return head + question + b"".join(records)


class Names(asyncio.DatagramProtocol):
    """The server, on a socket that it is given."""

    def __init__(self, look_up: Callable[[str], Sequence[str] | None]) -> None:
        self._look_up = look_up
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, sock: socket.socket) -> None:
        """Answer from now on."""
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=sock)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one query."""
        assert self._transport is not None
        self._transport.sendto(answered(data, self._look_up), addr)

    def close(self) -> None:
        """Answer no more."""
        if self._transport is not None:
            self._transport.close()
