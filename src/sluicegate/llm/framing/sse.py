"""Frames of `text/event-stream` (WHATWG HTML, 9.2.5 "Parsing an event stream", 9.2.6).

A line ends with LF, CRLF or CR, a frame with an empty line. The names of events and their data
count here; `id`, `retry` and comments are passed on in `raw` and otherwise ignored, as the
readers of the official SDKs do (openai/_streaming.py, anthropic/_streaming.py).
"""

from __future__ import annotations

import re
from typing import Final

from sluicegate.llm.dialect import Frame
from sluicegate.llm.failure import Malformed

MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
"""Of one event. The last event of OpenAI's responses repeats the whole answer."""

BLANK: Final = re.compile(rb"\r\n\r\n?|\r\n\n|\n\r\n?|\r\r\n?|\n\n")
LINE: Final = re.compile(rb"\r\n|\n|\r")
BOM: Final = b"\xef\xbb\xbf"
LINE_OF_DATA: Final = b"data: "
LINE_OF_NAME: Final = b"event: "


class SseFraming:
    """Cuts one stream. `raw` of its frames, one after the other, are all bytes that were fed.

    A frame is whole at the CR of its empty line: nobody waits for an LF that may never come. The LF
    that does come is a frame of its own, without data.
    """

    __slots__ = ("_begun", "_carriage", "_half", "_max_bytes", "_pending")

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        """Begin at the beginning of a stream."""
        self._pending = bytearray()
        self._begun = False
        self._carriage = False
        self._half = False
        self._max_bytes = max_frame_bytes

    @property
    def rest(self) -> int:
        """Bytes of a frame that has begun and not ended."""
        return len(self._pending)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, return the frames that they complete. Raises Malformed: too long a frame."""
        self._carriage = self._carriage or b"\r" in data
        # The usual case: one line of data, and the bytes of one read hold it whole.
        if (
            not self._pending
            and not self._carriage
            and data.startswith(LINE_OF_DATA)
            and 0 < len(data) - 2 == data.find(b"\n")
            and data.endswith(b"\n\n")
        ):
            self._begun = True
            return [Frame(data, "", data[6:-2])]
        whole = 0 < len(data) - 2 == data.find(b"\n\n")
        if whole and self._begun and not self._pending and not self._carriage:
            return [self._frame(data)]
        frames: list[Frame] = []
        # What was looked at before holds no end, unless it is among its last three bytes.
        look = max(0, len(self._pending) - 3)
        buffer: bytes | bytearray = data
        if self._pending:
            self._pending += data
            buffer = self._pending
        start = 0
        mixed = self._carriage and _is_mixed(buffer, look)
        if self._half and data.startswith(b"\n"):
            frames.append(Frame(b"\n", "", b""))
            start = 1
        while (end := self._end_of_frame(buffer, max(start, look), mixed=mixed)) >= 0:
            frames.append(self._frame(bytes(buffer[start:end])))
            start = end
        if data:
            self._half = start == len(buffer) and buffer.endswith(b"\r")
        if buffer is data:
            self._pending += data[start:]
        else:
            del self._pending[:start]
        if len(self._pending) > self._max_bytes:
            raise Malformed("an event of the stream is too large")
        return frames

    def _end_of_frame(self, buffer: bytes | bytearray, look: int, *, mixed: bool) -> int:
        """Return the offset behind the next empty line; -1 for none."""
        if not self._carriage:
            at = buffer.find(b"\n\n", look)
            return at + 2 if at >= 0 else -1
        if not mixed:
            at = buffer.find(b"\r\n\r\n", look)
            if at >= 0:
                return at + 4
        found = BLANK.search(buffer, look)
        return -1 if found is None else found.end()

    def _frame(self, raw: bytes) -> Frame:
        """Read the fields of one frame; at once in the forms that vendors send."""
        if self._begun:
            mark = b"\r\n" if raw.endswith(b"\r\n") else b"\n"
            at, name = 0, b""
            if raw.startswith(LINE_OF_NAME):
                at = raw.find(mark)
                name = raw[len(LINE_OF_NAME) : at]
                at += len(mark)
            last = len(raw) - 2 * len(mark)
            if raw.startswith(LINE_OF_DATA, at) and raw.find(mark[:1], at) == last:
                data = raw[at + len(LINE_OF_DATA) : last]
                if b"\n" not in data and b"\r" not in data and b"\r" not in name:
                    return Frame(raw, name.decode("utf-8", "replace"), data)
        return self._slowly(raw)

    def _slowly(self, raw: bytes) -> Frame:
        """Read the fields of any frame."""
        text = raw if self._begun else raw.removeprefix(BOM)
        self._begun = True
        name, lines = b"", []
        for line in LINE.split(text):
            field, _, value = line.partition(b":")
            if field == b"data":
                lines.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ")
        return Frame(raw, name.decode("utf-8", "replace"), b"\n".join(lines))


def comment(text: str) -> bytes:
    """Return a frame that says nothing to who reads events, each line of `text` on one of its own.

    Not for streams of `gemini_generate`: Google's SDK takes every line that is no data for JSON
    (python-genai 3.4, _api_client.py, `_iter_response_stream`), and fails.
    """
    lines = LINE.split(text.encode("utf-8", "replace"))
    return b": " + b"\n: ".join(lines) + b"\n\n"


def _is_mixed(buffer: bytes | bytearray, look: int) -> bool:
    """Whether empty lines stand in a buffer that do not end with CRLF behind CRLF.

    Asked once for all frames of a buffer: to look for each of them whether another kind comes
    first takes time that grows with the square of their number.
    """
    if buffer.find(b"\n\n", look) >= 0 or buffer.find(b"\r\r", look) >= 0:
        return True
    return buffer.count(b"\n\r", look) != buffer.count(b"\r\n\r\n", look)
