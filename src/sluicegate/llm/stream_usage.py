"""What a stream used, asked of a provider for a caller who has not asked, and taken out again.

OpenAI's streams of chat and of completions say what they used only where the call has
`stream_options.include_usage`. Then a chunk without choices comes before the end marker, and every
other chunk has `"usage":null` (openai-python 3.54, types/chat/chat_completion_stream_options_param,
types/completion_create_params). A caller who asked for neither gets neither; all else stays as it
came, byte for byte. Usage that stands beside choices stays: who says it there says it unasked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate.llm.canonical import Used

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Event
    from sluicegate.llm.dialect import Frame

STREAMS: Final = frozenset({"openai_chat", "openai_completions"})
"""Dialects whose streams say what they used where they are asked; all others say it anyway."""
OPTIONS: Final = "stream_options"
INCLUDE: Final = "include_usage"
ASKED: Final = b'{"include_usage":true}'
OWN_DATA: Final = "data_sources"
"""Azure's member for one's own data; it takes no `stream_options` beside (openai-python, 2296)."""
MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
ENCODE: Final = msgspec.json.Encoder().encode
ABOUT: Final = frozenset(
    {
        "id", "object", "created", "model", "service_tier", "system_fingerprint", "obfuscation",
        "choices", "usage",
        "x_groq",  # groq-python, types/chat/chat_completion_chunk.py: ids and usage once more
        "timings",  # llama.cpp, tools/server: how fast it was
    }
)  # fmt: skip
"""Members of a chunk that says what was used and nothing besides."""
NOTHING: Final = frozenset({b"null", b"[]", b"{}", b'""'})
MEMBER: Final = b'"usage"'
USUAL: Final = b',"usage":null'
SPACED: Final = b', "usage": null'
TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]')
COLON: Final = re.compile(rb"\s*:")
OPENING: Final = (b"{", b"[")
CLOSING: Final = (b"}", b"]")
ENDING: Final = (b"}", b",")


def asking(fields: Mapping[str, msgspec.Raw]) -> bytes | None:
    """Return `stream_options` that ask, as JSON; None where nothing is to be changed.

    That is where the caller asks, where its options are not what they should be, which the
    provider says, and where they are refused.
    """
    if OWN_DATA in fields:
        return None
    said = fields.get(OPTIONS)
    if said is None or bytes(said) == b"null":
        return ASKED
    try:
        options = MEMBERS.decode(said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if bytes(options.get(INCLUDE, b"null")) not in (b"false", b"null"):
        return None
    options[INCLUDE] = msgspec.Raw(b"true")
    return ENCODE(options)


def without_usage(frame: Frame, events: Sequence[Event]) -> bytes:
    """Return the bytes of a frame as they had come unasked; `events` are what it says."""
    raw = frame.raw
    before, found, after = raw.rpartition(USUAL)
    if found and _is_outermost(before, after):
        return before + after
    if MEMBER not in raw:
        return raw
    if events and type(events[-1]) is Used:
        return _without_count(frame)
    before, found, after = raw.rpartition(SPACED)
    if found and _is_outermost(before, after):
        return before + after
    return _cut(frame, null=True)


def _is_outermost(before: bytes, after: bytes) -> bool:
    """Whether what stood between is surely a member of the chunk itself: one object is open there.

    It was no part of a text, in which a quote has a backslash before it.
    """
    return after.count(b"}") == 1 or before.count(b"{") == 1


def _without_count(frame: Frame) -> bytes:
    """Drop a chunk that holds nothing else; keep one with choices as it is."""
    try:
        members = MEMBERS.decode(frame.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frame.raw
    if bytes(members.get("choices", b"null")) not in NOTHING:
        return frame.raw
    for name, value in members.items():
        if name not in ABOUT and bytes(value) not in NOTHING:
            return _cut(frame, null=False)
    return b""


def _cut(frame: Frame, *, null: bool) -> bytes:
    """Cut out the chunk's own `usage`; with `null` only where it is that."""
    raw, data = frame.raw, frame.data
    at = raw.find(data)
    place = _place(data) if at >= 0 else None
    if place is None:
        return raw  # its data stands on several lines, or there is nothing to cut
    start, end, value = place
    if null and value != b"null":
        return raw
    return raw[: at + start] + raw[at + end :]


def _place(data: bytes) -> tuple[int, int, bytes] | None:
    """Return where the member `usage` of an object stands, with one comma, and its value."""
    depth, comma = 0, -1
    start = value = -1
    for found in TOKEN.finditer(data):
        token = found.group()
        if depth == 1 and value >= 0 and token in ENDING:
            end = found.start()
            said = data[value:end].strip()
            return (comma, end, said) if comma >= 0 else (start, end + (token == b","), said)
        if token in OPENING:
            depth += 1
        elif token in CLOSING:
            depth -= 1
        elif depth == 1 and token == b",":
            comma = found.start()
        elif depth == 1 and token == MEMBER:
            colon = COLON.match(data, found.end())
            if colon is not None:
                start, value = found.start(), colon.end()
    return None
