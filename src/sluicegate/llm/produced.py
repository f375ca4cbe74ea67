"""How much a stream has produced so far, in bytes of text.

For a stream that is cut or cancelled before anybody has said what it used: its tokens are then
counted from these bytes. Words, reasoning, refusals and tools' calls are counted; sound, pictures
and reasoning that was not shown are not, for nobody knows what they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sluicegate.llm.canonical import Delta, Opaque, PartBegun, ToolCall

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Event


def produced(events: Sequence[Event]) -> int:
    """Return the bytes of UTF-8 that a model has written for these events."""
    size = 0
    for event in events:
        if isinstance(event, Delta):
            size += _bytes(event.text)
        elif isinstance(event, PartBegun):
            empty = event.empty
            if isinstance(empty, ToolCall):
                size += _bytes(empty.name) + _bytes(empty.arguments)
            elif not isinstance(empty, Opaque):
                size += _bytes(empty.text)
    return size


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
