"""Frames of a stream that is one JSON array: an element each.

So Google streams where nobody asks for `alt=sse` (cloud.google.com, "System parameters": `alt=json`
is the default). `raw` of the frames, one after the other, are all bytes, so
separators belong to the element before or behind them; the closing bracket is a frame without data.
"""

from __future__ import annotations

import re
from typing import Final

from sluicegate.llm.dialect import Frame
from sluicegate.llm.failure import Malformed
from sluicegate.llm.framing.sse import MAX_FRAME_BYTES

MARK: Final = re.compile(
    rb'(?:[^"{}\[\]]*+"[^"\\]*+(?:\\.[^"\\]*+)*+")*+[^"{}\[\]]*+(["{}\[\]])', re.DOTALL
)
"""The next bracket behind whole texts, or the beginning of a text that is not whole."""
OUTSIDE: Final = re.compile(rb'["{}\[\]]')
IN_TEXT: Final = re.compile(rb'["\\]')
BETWEEN: Final = b" \t\r\n,"


class JsonArrayFraming:
    """Cuts one stream. Only depth and texts are looked at; what an element holds is not checked."""

    __slots__ = ("_at", "_buffer", "_closed", "_depth", "_max_bytes", "_start", "_text")

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        """Begin at the beginning of a stream."""
        self._buffer = bytearray()
        self._at = 0
        self._start = -1
        self._depth = 0
        self._text = False
        self._closed = False
        self._max_bytes = max_frame_bytes

    @property
    def rest(self) -> int:
        """Bytes of a frame that has begun and not ended; 1 at least while the array is open."""
        if self._closed:
            return 0
        return max(len(self._buffer), 1 if self._depth else 0)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, return the elements that they complete. Raises Malformed: not an array."""
        frames: list[Frame] = []
        if self._closed:
            if data.strip():
                raise Malformed("bytes behind the end of the array")
            return [Frame(data, "", b"")] if data else frames
        self._buffer += data
        while self._step(frames):
            pass
        if len(self._buffer) > self._max_bytes:
            raise Malformed("an element of the stream is too large")
        return frames

    def _step(self, frames: list[Frame]) -> bool:
        """Look at the next byte that means something; False where there is none."""
        if self._text:
            found = IN_TEXT.search(self._buffer, self._at)
        elif self._depth > 1:
            found = MARK.match(self._buffer, self._at) or OUTSIDE.search(self._buffer, self._at)
        else:
            found = OUTSIDE.search(self._buffer, self._at)
            self._check(self._buffer[self._at : found.start() if found else None])
        if found is None:
            self._at = len(self._buffer)
            return False
        end = found.end() - 1
        mark = bytes(self._buffer[end : end + 1])
        self._at = end + 1
        if self._text:
            return self._in_text(mark, end)
        if mark == b'"':
            self._text = True
            if self._depth <= 1:
                raise Malformed("the stream is not an array of objects")
        elif mark in b"{[":
            self._opened(mark, end)
        else:
            self._ended(mark, frames)
        return not self._closed

    def _in_text(self, mark: bytes, end: int) -> bool:
        if mark == b'"':
            self._text = False
        elif end + 1 < len(self._buffer):
            self._at = end + 2
        else:  # what is escaped has not come yet
            self._at = end
            return False
        return True

    def _check(self, between: bytearray) -> None:
        """Raise Malformed unless only separators stand between elements."""
        if between.strip(BETWEEN if self._depth else b" \t\r\n"):
            raise Malformed("the stream is not an array of objects")

    def _opened(self, mark: bytes, end: int) -> None:
        if (self._depth == 0 and mark != b"[") or (self._depth == 1 and mark != b"{"):
            raise Malformed("the stream is not an array of objects")
        if self._depth == 1:
            self._start = end
        self._depth += 1

    def _ended(self, mark: bytes, frames: list[Frame]) -> None:
        self._depth -= 1
        if self._depth == 1:
            if mark != b"}":
                raise Malformed("the stream is not an array of objects")
            data = bytes(self._buffer[self._start : self._at])
            self._cut(self._at, data, frames)
        elif self._depth <= 0:
            if self._depth < 0 or mark != b"]":
                raise Malformed("the stream is not an array of objects")
            self._closed = True
            if self._buffer[self._at :].strip():
                raise Malformed("bytes behind the end of the array")
            self._cut(len(self._buffer), b"", frames)

    def _cut(self, end: int, data: bytes, frames: list[Frame]) -> None:
        frames.append(Frame(bytes(self._buffer[:end]), "", data))
        del self._buffer[:end]
        self._at = 0
        self._start = -1
