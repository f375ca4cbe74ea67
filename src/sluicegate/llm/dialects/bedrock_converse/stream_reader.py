"""One stream of ConverseStream to events.

Source: shape ConverseStreamOutput of botocore's bedrock-runtime model. A text block has no start:
it begins with its first delta. Signatures and redacted reasoning may come in pieces, and are told
when their block ends. The stream ends with `metadata` behind `messageStop`, or without it. Events
carry padding (`p`), which is ignored.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from sluicegate.llm import canonical
from sluicegate.llm.dialects.bedrock_converse import wire
from sluicegate.llm.dialects.bedrock_converse.answer import stop_sequence
from sluicegate.llm.dialects.bedrock_converse.failures import read_exception
from sluicegate.llm.dialects.bedrock_converse.read_request import FAMILY
from sluicegate.llm.dialects.bedrock_converse.usage import (
    ServedTier,
    TokenUsage,
    read_stop,
    read_usage,
)
from sluicegate.llm.failure import Malformed
from sluicegate.llm.signature import opened

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Event
    from sluicegate.llm.dialect import Frame


class ReasoningDelta(Struct, frozen=True, rename="camel"):
    """More reasoning, or its signature."""

    text: str | None = None
    redacted_content: str | None = None
    signature: str | None = None


class ToolUseDelta(Struct, frozen=True):
    """More JSON of the arguments."""

    input: str = ""


class DeltaUnion(Struct, frozen=True, rename="camel"):
    """One of these; others (parts of server-side tools, images) are kept as they came."""

    text: str | None = None
    tool_use: ToolUseDelta | None = None
    reasoning_content: ReasoningDelta | None = None
    citation: dict[str, Any] | None = None


class BlockDelta(Struct, frozen=True, rename="camel"):
    """`contentBlockDelta`."""

    content_block_index: int
    delta: DeltaUnion


class ToolUseStart(Struct, frozen=True, rename="camel"):
    """A call begins."""

    tool_use_id: str
    name: str
    type: str | None = None


class StartUnion(Struct, frozen=True, rename="camel"):
    """One of these, or something opaque."""

    tool_use: ToolUseStart | None = None


class BlockStart(Struct, frozen=True, rename="camel"):
    """`contentBlockStart`."""

    content_block_index: int
    start: StartUnion


class BlockStop(Struct, frozen=True, rename="camel"):
    """`contentBlockStop`."""

    content_block_index: int


class MessageStart(Struct, frozen=True):
    """`messageStart`."""

    role: str


class MessageStop(Struct, frozen=True, rename="camel"):
    """`messageStop`."""

    stop_reason: str
    additional_model_response_fields: dict[str, Any] | None = None


class Metadata(Struct, frozen=True, rename="camel"):
    """`metadata`."""

    usage: TokenUsage
    service_tier: ServedTier | None = None


DELTA: Final = msgspec.json.Decoder(BlockDelta)
START: Final = msgspec.json.Decoder(BlockStart)
STOP: Final = msgspec.json.Decoder(BlockStop)
MESSAGE_START: Final = msgspec.json.Decoder(MessageStart)
MESSAGE_STOP: Final = msgspec.json.Decoder(MessageStop)
METADATA: Final = msgspec.json.Decoder(Metadata)
PLAIN: Final = msgspec.json.Decoder(dict[str, Any])

NOTHING: Final = ()


class ConverseReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_blocks", "_count", "_ended", "_redacted", "_signed", "_stopped")

    def __init__(self) -> None:
        """Begin at the beginning."""
        self._begun = False
        self._stopped = False
        self._ended = False
        self._blocks: dict[int, int] = {}  # numbers of open parts by index of the block
        self._count = 0
        self._signed: dict[int, str] = {}  # pieces by index of the block
        self._redacted: dict[int, bytes] = {}

    def read(self, frame: Frame) -> Sequence[Event]:
        """Return what a frame says. Raises Malformed."""
        try:
            return self._read(frame.name, frame.data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise Malformed("an event of the stream is none of ConverseStream") from None

    def end(self) -> Sequence[Event]:
        """Take notice that the bytes have ended. Raises Malformed: no `messageStop` came."""
        if self._ended:
            return NOTHING
        if not self._stopped:
            raise Malformed("the stream ended before `messageStop`")
        self._ended = True
        return (canonical.Ended(),)

    def _read(self, name: str, data: bytes) -> Sequence[Event]:  # noqa: PLR0911 - one per event
        if self._ended:
            return NOTHING
        if name == "contentBlockDelta":
            return self._delta(data)
        if name == "contentBlockStart":
            return self._start(data)
        if name == "contentBlockStop":
            return self._stop(STOP.decode(data).content_block_index)
        if name == "messageStart":
            MESSAGE_START.decode(data)
            self._begun = True
            return (canonical.Begun(id="", model="", created=0),)
        if name == "messageStop":
            return self._message_stop(data)
        if name == "metadata":
            return self._metadata(data)
        if name.startswith(("exception:", "error:")):
            self._ended = True
            return (canonical.Failed(read_exception(name, data)),)
        return NOTHING  # of a later version of the model

    def _delta(self, data: bytes) -> Sequence[Event]:
        event = DELTA.decode(data)
        index, delta = event.content_block_index, event.delta
        if delta.text is not None:
            part = self._blocks.get(index)
            if part is not None:
                return (canonical.Delta(0, part, delta.text),)
            begun = self._begin(index, canonical.Text(text=""))
            return (begun, canonical.Delta(0, begun.part, delta.text))
        if delta.tool_use is not None:
            return (canonical.Delta(0, self._open(index), delta.tool_use.input),)
        if delta.reasoning_content is not None:
            return self._reasoning(index, delta.reasoning_content)
        if delta.citation is not None:
            events: list[Event] = []
            if index not in self._blocks:
                events.append(self._begin(index, canonical.Text(text="")))
            events.append(canonical.Cited(0, self._open(index), delta.citation))
            return events
        return (self._opaque(data),)

    def _reasoning(self, index: int, delta: ReasoningDelta) -> Sequence[Event]:
        events: list[Event] = []
        if index not in self._blocks:
            redacted = delta.redacted_content is not None
            events.append(self._begin(index, canonical.Thinking(redacted=redacted)))
        if delta.text is not None:
            events.append(canonical.Delta(0, self._open(index), delta.text))
        elif delta.signature is not None:
            self._signed[index] = self._signed.get(index, "") + delta.signature
        elif delta.redacted_content is not None:
            try:
                piece = base64.b64decode(delta.redacted_content)
            except binascii.Error:
                raise Malformed("redacted reasoning is no base64") from None
            self._redacted[index] = self._redacted.get(index, b"") + piece
        return events

    def _start(self, data: bytes) -> Sequence[Event]:
        event = START.decode(data)
        use = event.start.tool_use
        if use is None or use.type is not None:
            return (self._opaque(data),)
        call = canonical.ToolCall(id=use.tool_use_id, name=use.name, arguments="")
        return (self._begin(event.content_block_index, call),)

    def _stop(self, index: int) -> Sequence[Event]:
        part = self._blocks.pop(index, None)
        if part is None:
            return NOTHING
        events: list[Event] = []
        if index in self._signed:
            signature = opened(self._signed.pop(index), FAMILY)
            events.append(canonical.Signed(0, part, signature))
        if index in self._redacted:
            text = base64.b64encode(self._redacted.pop(index)).decode()
            events.append(canonical.Signed(0, part, canonical.Signature(FAMILY, text)))
        events.append(canonical.PartEnded(0, part))
        return events

    def _message_stop(self, data: bytes) -> Sequence[Event]:
        event = MESSAGE_STOP.decode(data)
        sequence = stop_sequence(event.additional_model_response_fields or {})
        stop = read_stop(event.stop_reason, sequence)
        if not self._begun:
            raise Malformed("`messageStop` came before `messageStart`")
        self._stopped = True
        events: list[Event] = []
        for index in list(self._blocks):
            events += self._stop(index)
        events.append(canonical.Stopped(0, stop))
        return events

    def _metadata(self, data: bytes) -> Sequence[Event]:
        metadata = METADATA.decode(data)
        used = canonical.Used(read_usage(metadata.usage, metadata.service_tier))
        if not self._stopped:
            return (used,)
        self._ended = True
        return (used, canonical.Ended())

    def _begin(
        self, index: int, empty: canonical.Text | canonical.Thinking | canonical.ToolCall
    ) -> canonical.PartBegun:
        if not self._begun or self._stopped:
            raise Malformed("a part of the stream is outside of its message")
        part = self._blocks[index] = self._count
        self._count += 1
        return canonical.PartBegun(0, part, empty)

    def _open(self, index: int) -> int:
        part = self._blocks.get(index)
        if part is None:
            raise Malformed("a delta of the stream has no part")
        return part

    def _opaque(self, data: bytes) -> canonical.PartBegun:
        """Keep what has no words here, each piece as a part of its own."""
        if not self._begun or self._stopped:
            raise Malformed("a part of the stream is outside of its message")
        raw = PLAIN.decode(data)
        raw.pop("p", None)
        part = self._count
        self._count += 1
        return canonical.PartBegun(0, part, canonical.Opaque(dialect=wire.NAME, raw=raw))
