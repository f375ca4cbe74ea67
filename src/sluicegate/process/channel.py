"""Messages over a socket pair: a 4-byte big-endian length, then msgpack.

The end of the other process is the end of the channel: the kernel closes its side, even on SIGKILL.
So nobody polls for dead processes, and a worker whose supervisor is gone knows at once.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

import msgspec

from sluicegate.process.messages import AnyMessage, Message

LENGTH = struct.Struct(">I")
MAX_FRAME = 64 * 2**20
"""Bytes. Far above any scrape or file; a larger length means that the stream is out of step."""


def encode(message: Message) -> bytes:
    """Return a message as a frame."""
    raw = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(raw)) + raw


class Frames:
    """Takes bytes as they come, gives back the messages that are complete."""

    def __init__(self) -> None:
        """Start at the beginning of a frame."""
        self._buffer = bytearray()
        self._decoder = msgspec.msgpack.Decoder(AnyMessage)

    def feed(self, data: bytes) -> list[AnyMessage]:
        """Take bytes. Raises ValueError when they are not frames of messages."""
        self._buffer += data
        messages, at = [], 0
        with memoryview(self._buffer) as view:
            while len(view) - at >= LENGTH.size:
                (size,) = LENGTH.unpack_from(view, at)
                if size > MAX_FRAME:
                    raise ValueError(f"a frame of {size} bytes on a control channel")
                end = at + LENGTH.size + size
                if end > len(view):
                    break
                messages.append(self._decoder.decode(view[at + LENGTH.size : end]))
                at = end
        del self._buffer[:at]
        return messages


class Channel(asyncio.Protocol):
    """One end of a control channel on this loop. Made by `open_channel`."""

    def __init__(self) -> None:
        """Hold what arrives until `listen`."""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_message: Callable[[AnyMessage], None] | None = None
        self._held: list[AnyMessage] = []
        self._frames = Frames()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's has no such base

    def data_received(self, data: bytes) -> None:
        """Hand on what is complete; bytes that make no sense end the channel."""
        try:
            messages = self._frames.feed(data)
        except (ValueError, msgspec.MsgspecError):
            self.close()
            raise
        if self._on_message is None:
            self._held += messages
            return
        for message in messages:
            self._on_message(message)

    def listen(self, on_message: Callable[[AnyMessage], None]) -> None:
        """Call `on_message` for each message, those that have arrived already first."""
        self._on_message = on_message
        held, self._held = self._held, []
        for message in held:
            on_message(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Resolve `closed`."""
        if not self.closed.done():
            self.closed.set_result(None)

    def send(self, *messages: Message) -> None:
        """Send, unless the other side is gone: whoever waits for it watches `closed`."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.writelines([encode(message) for message in messages])

    def close(self) -> None:
        """Send what is left, then close."""
        if self._transport is not None:
            self._transport.close()


async def open_channel(sock: socket.socket) -> Channel:
    """Speak over one end of a socket pair; the channel owns the socket from now on."""
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    _, channel = await loop.create_unix_connection(Channel, sock=sock)
    return channel
