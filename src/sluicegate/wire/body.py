"""The body of a request: streamed to whoever attaches, held back by back-pressure until then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from sluicegate.errors import BODY_TOO_LARGE, Refused

if TYPE_CHECKING:
    from sluicegate.headers import Headers

HIGH_WATER: Final = 65536
"""Bytes received and not yet taken at which the client's socket is no longer read."""


class BodyConsumer(Protocol):
    """Takes a request body as it arrives."""

    def body_data(self, data: bytes) -> None:
        """Take a piece."""

    def body_end(self, trailers: Headers | None) -> None:
        """Take notice that the body is whole."""

    def body_failed(self, error: Refused) -> None:
        """Take notice that the rest will not come: too large, too slow."""


class BodySource(Protocol):
    """The client's connection, as far as its body is concerned."""

    def pause_body(self) -> None:
        """Stop reading."""

    def resume_body(self) -> None:
        """Read on."""

    def send_continue(self) -> None:
        """Answer `Expect: 100-continue`."""


class RequestBody:
    """Bytes of a request that arrive after its head.

    `length` is the announced length in bytes, None when chunked; `received` counts what came.
    `limit` (bytes, 0 for none) may be lowered by policies; passing it ends the exchange with 413.
    """

    __slots__ = (
        "_buffer",
        "_buffered",
        "_consumer",
        "_tees",
        "ended",
        "error",
        "expects_continue",
        "length",
        "limit",
        "received",
        "replaced",
        "source",
        "trailers",
    )

    def __init__(
        self, source: BodySource, length: int | None, limit: int, *, expects_continue: bool
    ) -> None:
        """Start with nothing received."""
        self.source = source
        self.length = length
        self.limit = limit
        self.expects_continue = expects_continue
        self.received = 0
        self.replaced = False
        self.ended = False
        self.error: Refused | None = None
        self.trailers: Headers | None = None
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._consumer: BodyConsumer | None = None
        self._tees: list[BodyConsumer] | None = None

    def check_length(self) -> Refused | None:
        """Give up a body whose announced length is over the limit; return why."""
        if self.limit and self.length is not None and self.length > self.limit:
            self.fail(Refused(BODY_TOO_LARGE, f"the body is larger than {self.limit} bytes"))
        return self.error

    # --- called by the connection ----------

    def feed(self, data: bytes) -> None:
        """Take a piece from the socket."""
        self.received += len(data)
        if self.limit and self.received > self.limit:
            self.fail(Refused(BODY_TOO_LARGE, f"the body is larger than {self.limit} bytes"))
        if self.error is not None:
            return
        if self._tees is not None:
            for tee in self._tees:
                tee.body_data(data)
        if self._consumer is not None:
            self._consumer.body_data(data)
            return
        self._buffer.append(data)
        self._buffered += len(data)
        if self._buffered >= HIGH_WATER:
            self.source.pause_body()

    def end(self, trailers: Headers | None) -> None:
        """Take notice that the last piece has come."""
        self.ended = True
        self.trailers = trailers
        if self._tees is not None and self.error is None:
            for tee in self._tees:
                tee.body_end(trailers)
        if self._consumer is not None and self.error is None:
            self._consumer.body_end(trailers)

    def fail(self, error: Refused) -> None:
        """Give up: whoever reads, or will read, gets `error`."""
        if self.error is None:
            self.error = error
            self._buffer.clear()
            if self._tees is not None:
                for tee in self._tees:
                    tee.body_failed(error)
            if self._consumer is not None:
                self._consumer.body_failed(error)

    # --- called by stages ----------

    def attach(self, consumer: BodyConsumer) -> None:
        """Send what has come and all that will come to `consumer`. Raises the body's error."""
        if self.error is not None:
            raise self.error
        if self.expects_continue:
            self.expects_continue = False
            if not self.received and not self.ended:
                self.source.send_continue()
        self._consumer = consumer
        pieces, self._buffer = self._buffer, []
        self._buffered = 0
        if not self.ended:
            self.source.resume_body()  # before the pieces: they may be too much for the consumer
        for data in pieces:
            consumer.body_data(data)
        if self.ended:
            consumer.body_end(self.trailers)

    def detach(self) -> None:
        """Stop sending to the consumer; later bytes are dropped."""
        self._consumer = _DISCARD

    def tee(self, listener: BodyConsumer) -> None:
        """Show `listener` every byte too, once and in order, whatever becomes of it elsewhere.

        Reads nothing by itself: `listener` sees what arrives for others. Begin before anything was
        taken out, or after it was put back.
        """
        self._tees = [*(self._tees or ()), listener]
        if self.error is not None:
            listener.body_failed(self.error)
            return
        for data in self._buffer:
            listener.body_data(data)
        if self.ended:
            listener.body_end(self.trailers)

    def replace(self, data: bytes) -> None:
        """Put `data` in the place of a body that was read whole. Its trailers go with it."""
        if not self.ended:
            raise RuntimeError("replace() before the body has ended")
        self.replaced = True
        self._buffer = [data] if data else []
        self._buffered = self.length = len(data)
        self.trailers = None

    def put_back(self, pieces: list[bytes]) -> None:
        """Hand back bytes that were taken, so that the next `attach` gets them first."""
        self._consumer = None
        self._buffer = pieces + self._buffer
        self._buffered = sum(map(len, self._buffer))

    async def read(self, max_bytes: int) -> bytes:
        """Read the whole body, and keep it for whoever attaches next.

        Raises Refused (413) when it is larger than `max_bytes`.
        """
        if self.length is not None and self.length > max_bytes:  # before anybody says `continue`
            self.fail(Refused(BODY_TOO_LARGE, f"the body is larger than {max_bytes} bytes"))
        reader = _Reader(max_bytes)
        self.attach(reader)
        await reader.done
        self.put_back(reader.pieces)
        return b"".join(reader.pieces)


class _Reader:
    """Collects a whole body."""

    def __init__(self, max_bytes: int) -> None:
        self.pieces: list[bytes] = []
        self.room = max_bytes
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def body_data(self, data: bytes) -> None:
        self.pieces.append(data)
        self.room -= len(data)
        if self.room < 0 and not self.done.done():
            self.done.set_exception(Refused(BODY_TOO_LARGE, "a policy has to read the whole body"))

    def body_end(self, trailers: Headers | None) -> None:  # noqa: ARG002 - kept by the body
        if not self.done.done():
            self.done.set_result(None)

    def body_failed(self, error: Refused) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class _Discard:
    """Drops what arrives after nobody wants it any more."""

    def body_data(self, data: bytes) -> None:
        """Drop."""

    def body_end(self, trailers: Headers | None) -> None:
        """Drop."""

    def body_failed(self, error: Refused) -> None:
        """Drop."""


_DISCARD: Final = _Discard()
