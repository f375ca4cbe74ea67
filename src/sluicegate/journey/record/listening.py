"""Hears what is sent to a client, and sends it on unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from sluicegate.exchange import Exchange, Sink
    from sluicegate.headers import Headers
    from sluicegate.wire.tunnel import Tunnel


class Listening:
    """A `Sink` around another one. `pieces` are of the body, as long as there are at most `most`.

    `size` is how many bytes were sent; past `most` all pieces are dropped.
    """

    __slots__ = ("_most", "inner", "pieces", "size")

    def __init__(self, inner: Sink, most: int) -> None:
        """`most` bytes are kept."""
        self.inner = inner
        self.pieces: list[bytes] = []
        self.size = 0
        self._most = most

    @property
    def is_whole(self) -> bool:
        """Whether all that was sent is there."""
        return self.size <= self._most

    def send_head(self, exchange: Exchange) -> None:
        """Send."""
        self.inner.send_head(exchange)

    def send_body(self, data: bytes) -> None:
        """Keep and send."""
        self.size += len(data)
        if self.size <= self._most:
            self.pieces.append(data)
        else:
            self.pieces.clear()
        self.inner.send_body(data)

    def send_end(self, trailers: Headers | None) -> None:
        """Send."""
        self.inner.send_end(trailers)

    def flush(self) -> None:
        """Send."""
        self.inner.flush()

    def send_upgrade(self, exchange: Exchange, headers: Headers) -> None:
        """Send."""
        self.inner.send_upgrade(exchange, headers)

    def join(self, tunnel: Tunnel) -> None:
        """Pass on."""
        self.inner.join(tunnel)

    @property
    def transport(self) -> asyncio.Transport:
        """The client's connection."""
        return self.inner.transport

    def finished(self, exchange: Exchange) -> None:
        """Pass on."""
        self.inner.finished(exchange)

    def send_informational(self, status: int, headers: Headers) -> None:
        """Send."""
        self.inner.send_informational(status, headers)

    def cut(self) -> None:
        """Pass on."""
        self.inner.cut()
