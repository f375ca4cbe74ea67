"""What was answered, as the archive keeps it: text in one piece, also where it came in many.

A secret that is looked for may be cut by the frames of a stream, so a stream is read by its
dialect, and its parts are put together. A generator, as `redaction` is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm.canonical import Delta, PartBegun
from sluicegate.llm.dialect import Frame
from sluicegate.llm.failure import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.journey.record.redaction import Steps
    from sluicegate.llm.canonical import Event
    from sluicegate.llm.dialect import Dialect

PIECE: Final = 8 * 1024
"""Bytes of a stream that are read in one go."""
JSON: Final = msgspec.json.Decoder()
ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Unreadable(Exception):
    """It is not what it should be."""


def whole(body: bytes) -> object:
    """Return a body as plain data. Raises Unreadable."""
    try:
        return JSON.decode(body)
    except UNREADABLE:
        raise Unreadable from None


def stream(dialect: Dialect, body: bytes, *, array: bool) -> Steps:
    """Read a stream; returns its parts, up to where it broke off. `array`: of JSON, as Gemini's."""
    reader = dialect.reader()
    parts: dict[tuple[int, int], dict[str, Any]] = {}
    texts: dict[tuple[int, int], list[str]] = {}
    try:
        for frames in _frames(dialect, body, array=array):
            for frame in frames:
                _take(reader.read(frame), parts, texts)
            yield
    except (Malformed, *UNREADABLE):
        pass  # what was said until then was said
    return [{**parts.get(key, {}), "text": "".join(words)} for key, words in texts.items()]


def _frames(dialect: Dialect, body: bytes, *, array: bool) -> Iterable[Sequence[Frame]]:
    if array:
        for element in ELEMENTS.decode(body):
            raw = bytes(element)
            yield [Frame(raw, "", raw)]
        return
    framing = dialect.framing()
    for place in range(0, len(body), PIECE):
        yield list(framing.feed(body[place : place + PIECE]))


def _take(
    events: Sequence[Event],
    parts: dict[tuple[int, int], dict[str, Any]],
    texts: dict[tuple[int, int], list[str]],
) -> None:
    for event in events:
        if isinstance(event, PartBegun):
            key, empty = (event.choice, event.part), event.empty
            parts[key] = {"choice": event.choice, "part": event.part, "kind": _kind(empty)}
            name = getattr(empty, "name", "")
            if name:
                parts[key]["name"] = name
            said = getattr(empty, "text", "") or getattr(empty, "arguments", "")
            texts.setdefault(key, []).append(said)
        elif isinstance(event, Delta):
            texts.setdefault((event.choice, event.part), []).append(event.text)


def _kind(empty: object) -> str:
    """Return `text`, `thinking`, `tool_call`, `refusal` or `opaque`."""
    name = type(empty).__name__
    return "tool_call" if name == "ToolCall" else name.lower()
