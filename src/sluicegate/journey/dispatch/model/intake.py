"""A provider's stream, from bytes to what the caller gets of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from sluicegate.llm.canonical import Ended
from sluicegate.llm.dialect import Frame
from sluicegate.llm.failure import Malformed

if TYPE_CHECKING:
    from sluicegate.journey.dispatch.model.passage import Passage
    from sluicegate.llm.canonical import Event
    from sluicegate.llm.dialect import Framing, StreamReader

END: Final = Frame(b"", "", b"")
MOST_PINGS: Final = 1000
"""Frames without data in one read: more take time from others and say nothing to anybody."""

Take = Callable[[Sequence["Event"]], bool]
"""Looks at what a frame said; False where neither that nor anything after it counts."""


class Intake:
    """Reads one stream. `pieces` are for the caller, who takes them out."""

    __slots__ = ("_framing", "_most", "_passage", "_reader", "_size", "pieces")

    def __init__(self, passage: Passage, most: int) -> None:
        """`most` bytes may be an event, and all that comes before the first token."""
        self._passage = passage
        self._most = most
        self._framing: Framing = passage.dialect.framing()
        self._reader: StreamReader = passage.dialect.reader()
        self._size = 0
        self.pieces: list[bytes] = []

    def feed(self, data: bytes, take: Take, *, held: bool) -> None:
        """Take bytes; `held`: nothing was passed on yet. Raises Malformed, also for too many."""
        pings = 0
        for frame in self._framing.feed(data):
            pings += not frame.data
            if pings > MOST_PINGS:
                raise Malformed("it is a flood of events that say nothing")
            events = self._reader.read(frame)
            if not take(events):
                return
            piece = self._passage.frame(frame, events)
            if piece:
                self.pieces.append(piece)
                self._size += len(piece)
            if events and type(events[-1]) is Ended:
                return  # what stands behind the end is not of the stream
        if self._framing.rest > self._most:
            raise Malformed("an event is too large")
        if held and self._size > self._most:
            raise Malformed("it is large and says nothing")

    def end(self, take: Take) -> None:
        """Take notice that the bytes have ended. Raises Malformed where too early."""
        events = self._reader.end()
        if take(events):
            self.pieces.append(self._passage.frame(END, events) + self._passage.end())

    def taken(self) -> bytes:
        """Return what is for the caller, and forget it."""
        pieces, self.pieces = self.pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
