"""One stream of the Messages API.

Source: anthropic-sdk-python `types/raw_*_event.py`, `types/raw_content_block_delta.py`,
`lib/streaming/_messages.py` (a signature replaces the one before, counts of a `message_delta` are
cumulative), `_streaming.py` (`ping`, `error`); platform.claude.com, "Streaming messages" (event
types may be added: those are passed over). It is whole with `message_stop`, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw, Struct

from sluicegate.llm.canonical import (
    Begun,
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    Opaque,
    Part,
    PartBegun,
    PartEnded,
    Refusal,
    Signed,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    Used,
)
from sluicegate.llm.dialects.anthropic_messages.answer import part_of
from sluicegate.llm.dialects.anthropic_messages.errors import ErrorIn, failure_of
from sluicegate.llm.dialects.anthropic_messages.extension import FAMILY
from sluicegate.llm.dialects.anthropic_messages.stop import stop_of
from sluicegate.llm.dialects.anthropic_messages.usage import UsageIn, usage_of
from sluicegate.llm.failure import Malformed
from sluicegate.llm.signature import opened

if TYPE_CHECKING:
    from sluicegate.llm.dialect import Frame


class TextDelta(Struct, tag="text_delta"):
    """Words."""

    text: str


class JsonDelta(Struct, tag="input_json_delta"):
    """JSON of a tool's arguments."""

    partial_json: str


class ThinkingDelta(Struct, tag="thinking_delta"):
    """Reasoning."""

    thinking: str


class SignatureDelta(Struct, tag="signature_delta"):
    """The signature of a block."""

    signature: str


class CitationsDelta(Struct, tag="citations_delta"):
    """A citation."""

    citation: dict[str, Any]


class BlockDelta(Struct, tag="content_block_delta"):
    """More of a block."""

    index: int
    delta: TextDelta | JsonDelta | ThinkingDelta | SignatureDelta | CitationsDelta


class BlockStart(Struct, tag="content_block_start"):
    """A block begins."""

    index: int
    content_block: Raw


class BlockStop(Struct, tag="content_block_stop"):
    """A block is whole."""

    index: int


class MessageHead(Struct):
    """The answer, without content."""

    id: str
    model: str
    usage: UsageIn = msgspec.field(default_factory=UsageIn)


class MessageStart(Struct, tag="message_start"):
    """The stream begins."""

    message: MessageHead


class End(Struct):
    """Why it ended; nothing yet where `stop_reason` is null."""

    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: dict[str, Any] | None = None


class MessageDelta(Struct, tag="message_delta"):
    """Changes of the answer."""

    delta: End
    usage: UsageIn | None = None


class MessageStop(Struct, tag="message_stop"):
    """Nothing is missing."""


class Ping(Struct, tag="ping"):
    """Nothing at all."""


class ErrorEvent(Struct, tag="error"):
    """It failed."""

    error: ErrorIn


class Typed(Struct):
    """Any event."""

    type: str
    delta: dict[str, Any] | None = None


Known = (
    BlockDelta
    | BlockStart
    | BlockStop
    | MessageStart
    | MessageDelta
    | MessageStop
    | Ping
    | ErrorEvent
)
EVENT: Final = msgspec.json.Decoder(Known)
TYPED: Final = msgspec.json.Decoder(Typed)
EVENTS: Final = frozenset(
    {
        "content_block_delta",
        "content_block_start",
        "content_block_stop",
        "message_start",
        "message_delta",
        "message_stop",
        "ping",
        "error",
    }
)
DELTAS: Final = frozenset(
    {"text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta"}
)
ENCODER: Final = msgspec.json.Encoder()
UNREADABLE: Final = "an event of the stream cannot be read"
OUT_OF_ORDER: Final = "an event of the stream is out of order"
CUT: Final = "the stream ended before its end"


class MessagesReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_counts", "_ended", "_opaque", "_open", "_others", "_stopped")

    def __init__(self) -> None:
        """Nothing was read."""
        self._begun = False
        self._stopped = False
        self._ended = False
        self._open: set[int] = set()
        self._opaque: dict[int, tuple[Opaque, list[str]]] = {}
        self._counts = UsageIn()
        self._others: dict[type, Callable[[Any], Sequence[Event]]] = {
            BlockStart: self._block_start,
            BlockStop: self._block_stop,
            MessageStart: self._message_start,
            MessageDelta: self._message_delta,
            MessageStop: self._message_stop,
            ErrorEvent: self._error,
        }

    def read(self, frame: Frame) -> Sequence[Event]:
        """Return what a frame says. Raises Malformed."""
        data = frame.data
        if not data or self._ended:
            return ()
        try:
            event = EVENT.decode(data)
        except (ValueError, RecursionError):
            return _passed_over(data)
        if type(event) is BlockDelta:
            index = event.index
            if index not in self._open:
                raise Malformed(OUT_OF_ORDER)
            delta = event.delta
            if index in self._opaque:
                self._opaque[index][1].append(getattr(delta, "partial_json", ""))
                return ()
            if type(delta) is TextDelta:
                return (Delta(0, index, delta.text),)
            return _delta(index, delta)
        other = self._others.get(type(event))
        return other(event) if other is not None else ()

    def end(self) -> Sequence[Event]:
        """Take notice that the bytes have ended. Raises Malformed where too early."""
        if not self._ended:
            raise Malformed(CUT)
        return ()

    def _message_start(self, event: MessageStart) -> Sequence[Event]:
        if self._begun:
            raise Malformed(OUT_OF_ORDER)
        self._begun = True
        head = event.message
        self._counts = head.usage
        return (Begun(head.id, head.model, 0, usage_of(head.usage), head.usage.service_tier),)

    def _block_start(self, event: BlockStart) -> Sequence[Event]:
        index = event.index
        if not self._begun or self._stopped or index in self._open:
            raise Malformed(OUT_OF_ORDER)
        try:
            part = part_of(event.content_block)
        except (ValueError, RecursionError):
            raise Malformed(UNREADABLE) from None
        self._open.add(index)
        if isinstance(part, Opaque):
            self._opaque[index] = (part, [])
            return ()
        return _begun(index, part)

    def _block_stop(self, event: BlockStop) -> Sequence[Event]:
        if event.index not in self._open:
            raise Malformed(OUT_OF_ORDER)
        return self._whole(event.index)

    def _whole(self, index: int) -> Sequence[Event]:
        """End a block; one of the vendor's own begins here too, for its writers take it whole."""
        self._open.discard(index)
        if index not in self._opaque:
            return (PartEnded(0, index),)
        part, pieces = self._opaque.pop(index)
        text = "".join(pieces)
        if text:
            try:
                part.raw = part.raw | {"input": msgspec.json.decode(text)}
            except (ValueError, RecursionError):
                raise Malformed(UNREADABLE) from None
        return (PartBegun(0, index, part), PartEnded(0, index))

    def _message_delta(self, event: MessageDelta) -> Sequence[Event]:
        if not self._begun:
            raise Malformed(OUT_OF_ORDER)
        events: list[Event] = []
        end = event.delta
        if end.stop_reason is not None and not self._stopped:
            self._stopped = True
            for index in sorted(self._open):
                events += self._whole(index)
            stop = stop_of(end.stop_reason, end.stop_sequence, end.stop_details)
            events.append(Stopped(0, stop))
        if event.usage is not None:
            self._counts = event.usage.over(self._counts)
            events.append(Used(usage_of(self._counts)))
        return events

    def _message_stop(self, _event: MessageStop) -> Sequence[Event]:
        if not self._stopped:
            raise Malformed(OUT_OF_ORDER)
        self._ended = True
        return (Ended(),)

    def _error(self, event: ErrorEvent) -> Sequence[Event]:
        self._ended = True
        return (Failed(failure_of(event.error)),)


def _passed_over(data: bytes) -> Sequence[Event]:
    """Pass over what is new in the API. Raises Malformed for anything else."""
    try:
        event = TYPED.decode(data)
    except (ValueError, RecursionError):
        raise Malformed(UNREADABLE) from None
    kind = (event.delta or {}).get("type")
    new_delta = event.type == "content_block_delta" and isinstance(kind, str) and kind not in DELTAS
    if event.type in EVENTS and not new_delta:
        raise Malformed(UNREADABLE)
    return ()


def _delta(
    index: int, delta: TextDelta | JsonDelta | ThinkingDelta | SignatureDelta | CitationsDelta
) -> Sequence[Event]:
    if isinstance(delta, JsonDelta):
        return (Delta(0, index, delta.partial_json),) if delta.partial_json else ()
    if isinstance(delta, ThinkingDelta):
        return (Delta(0, index, delta.thinking),)
    if isinstance(delta, SignatureDelta):
        return (Signed(0, index, opened(delta.signature, FAMILY)),)
    if isinstance(delta, CitationsDelta):
        return (Cited(0, index, delta.citation),)
    return (Delta(0, index, delta.text),)


def _begun(index: int, part: Part) -> Sequence[Event]:
    """Return the beginning of a part, and what its block holds from the start."""
    events: list[Event] = []
    if isinstance(part, Text):
        text, citations = part.text, part.citations or []
        part.text, part.citations = "", None
        events = [PartBegun(0, index, part)]
        events += [Cited(0, index, citation) for citation in citations]
    elif isinstance(part, Refusal | Thinking):
        text, part.text = part.text, ""
        signature = part.signature if isinstance(part, Thinking) else None
        if isinstance(part, Thinking) and not part.redacted:
            part.signature = None
        events = [PartBegun(0, index, part)]
        if isinstance(part, Thinking) and not part.redacted and signature is not None:
            events.append(Signed(0, index, signature))
    elif isinstance(part, ToolCall):
        text = "" if part.arguments.strip() == "{}" else part.arguments
        part.arguments = ""
        events = [PartBegun(0, index, part)]
    else:
        raise Malformed(UNREADABLE)
    if text:
        events.append(Delta(0, index, text))
    return events
