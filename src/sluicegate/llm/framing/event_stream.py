"""Frames of `application/vnd.amazon.eventstream`, read and written.

A message is a prelude (total length, length of the headers, CRC-32 of both; 4 bytes each, big
endian), headers, a payload, and the CRC-32 of all before it. A header is the length of its name (1
byte), the name, a type (1 byte) and a value. Sources: botocore/eventstream.py, whose limits these
are, and smithy.io "Amazon Event Stream Specification".

`:message-type` says what a message is. Names of frames: an `event` is called what its
`:event-type` says; an `exception` is `exception:` and its `:exception-type`; an `error`, which no
model describes, is `error:` and its `:error-code`, with `{"message": …}` as its data.
"""

from __future__ import annotations

import json
from binascii import crc32
from struct import Struct
from typing import Final

from sluicegate.llm.dialect import Frame
from sluicegate.llm.failure import Malformed

MAX_HEADERS_BYTES: Final = 128 * 1024
MAX_PAYLOAD_BYTES: Final = 24 * 1024 * 1024

PRELUDE: Final = Struct("!III")
WORD: Final = Struct("!I")
OVERHEAD_BYTES: Final = 16  # prelude and last CRC
STRING: Final = 7
FIXED_BYTES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Length of a value by its type: true, false, byte, short, integer, long, timestamp, uuid. The
other two, 6 (bytes) and 7 (string), begin with their length in 2 bytes."""

KNOWN_HEADERS: Final = 64
"""How many blocks of headers a stream keeps read. Each kind of event repeats its own."""


class EventStreamFraming:
    """Cuts one stream. `raw` of its frames, one after the other, are all bytes that were fed."""

    __slots__ = ("_known", "_needed", "_pending")

    def __init__(self) -> None:
        """Begin at the beginning of a stream."""
        self._pending = bytearray()
        self._needed = PRELUDE.size
        self._known: dict[bytes, tuple[str, bytes | None]] = {}

    @property
    def rest(self) -> int:
        """Bytes of a frame that has begun and not ended."""
        return len(self._pending)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, return the frames that they complete. Raises Malformed."""
        whole = data
        if self._pending:
            self._pending += data
            if len(self._pending) < self._needed:
                return []
            whole = bytes(self._pending)
        frames: list[Frame] = []
        start = 0
        self._needed = PRELUDE.size
        while len(whole) - start >= PRELUDE.size:
            total, headers = _prelude(whole, start)
            if len(whole) - start < total:
                self._needed = total
                break
            frames.append(self._frame(whole[start : start + total], headers))
            start += total
        self._pending = bytearray(whole[start:])
        return frames

    def _frame(self, raw: bytes, headers_bytes: int) -> Frame:
        end = len(raw) - WORD.size
        if crc32(memoryview(raw)[:end]) != WORD.unpack_from(raw, end)[0]:
            raise Malformed("a checksum of the event stream is wrong")
        block = raw[PRELUDE.size : PRELUDE.size + headers_bytes]
        known = self._known.get(block)
        if known is None:
            known = _named(read_headers(block))
            if len(self._known) < KNOWN_HEADERS:
                self._known[block] = known
        name, data = known
        return Frame(raw, name, raw[PRELUDE.size + headers_bytes : end] if data is None else data)


def _prelude(whole: bytes, start: int) -> tuple[int, int]:
    """Return the lengths of a message and of its headers, checked."""
    total, headers, checksum = PRELUDE.unpack_from(whole, start)
    if crc32(whole[start : start + 8]) != checksum:
        raise Malformed("a checksum of the event stream is wrong")
    if headers > MAX_HEADERS_BYTES or total - headers - OVERHEAD_BYTES > MAX_PAYLOAD_BYTES:
        raise Malformed("a message of the event stream is too large")
    if total < headers + OVERHEAD_BYTES:
        raise Malformed("a message of the event stream is shorter than its headers")
    return total, headers


def read_headers(block: bytes) -> dict[str, str]:
    """Return the headers that are strings, by name; others are checked and left out.

    Raises Malformed: cut, of an unknown type, not UTF-8, or the same name twice.
    """
    strings: dict[str, str] = {}
    names: set[bytes] = set()
    at = 0
    try:
        while at < len(block):
            name_end = at + 1 + block[at]
            name, kind = block[at + 1 : name_end], block[name_end]
            at = name_end + 1
            size = FIXED_BYTES.get(kind, -1)
            if size < 0:
                if kind not in (STRING - 1, STRING):
                    raise Malformed("a header of the event stream has an unknown type")
                size = block[at] << 8 | block[at + 1]
                at += 2
            if at + size > len(block) or name in names:
                raise Malformed("a header of the event stream is cut, or there twice")
            names.add(name)
            if kind == STRING:
                strings[name.decode()] = block[at : at + size].decode()
            at += size
    except (IndexError, UnicodeDecodeError):
        raise Malformed("the headers of the event stream are cut, or no text") from None
    return strings


def _named(headers: dict[str, str]) -> tuple[str, bytes | None]:
    """Return the name of a frame; and its data, where that is in the headers."""
    kind = headers.get(":message-type", "event")
    if kind == "event":
        return headers.get(":event-type", ""), None
    if kind == "exception":
        return "exception:" + headers.get(":exception-type", ""), None
    message = {"message": headers.get(":error-message", "")}
    return "error:" + headers.get(":error-code", ""), json.dumps(message).encode()


def message(name: str, payload: bytes) -> bytes:
    """Return one message: an event of that name, or an exception with `exception:` before it."""
    kind, colon, exception = name.partition(":")
    if colon and kind == "exception":
        headers = _header(":exception-type", exception)
    else:
        kind = "event"
        headers = _header(":event-type", name)
    headers += _header(":content-type", "application/json") + _header(":message-type", kind)
    total = len(headers) + len(payload) + OVERHEAD_BYTES
    lengths = total.to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    body = lengths + WORD.pack(crc32(lengths)) + headers + payload
    return body + WORD.pack(crc32(body))


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return (
        bytes((len(name),)) + name.encode() + bytes((STRING,)) + len(text).to_bytes(2, "big") + text
    )
