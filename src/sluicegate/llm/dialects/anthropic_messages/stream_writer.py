"""One stream of the Messages API, to a caller. Source: as in `stream_reader`.

Why it stopped and what it used are said together, in one `message_delta` before `message_stop`:
other vendors say the second after the first. Parts get indices in the order in which they begin; a
part that has no block here is put into the `sluicegate` of that `message_delta` (`extension`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Begun,
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    Logprobs,
    Opaque,
    PartBegun,
    PartEnded,
    Signed,
    Stop,
    Stopped,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from sluicegate.llm.dialects.anthropic_messages import errors, extension
from sluicegate.llm.dialects.anthropic_messages.answer import TIERS, block_of, said_beside
from sluicegate.llm.dialects.anthropic_messages.extension import FAMILY, FIELD
from sluicegate.llm.dialects.anthropic_messages.stop import fields_of, unsaid
from sluicegate.llm.dialects.anthropic_messages.usage import counts_of
from sluicegate.llm.signature import sealed

if TYPE_CHECKING:
    from sluicegate.llm.failure import Failure

ENCODER: Final = msgspec.json.Encoder()


class Block:
    """A block that is being written. `prefix`: what stands before the text of a delta."""

    __slots__ = ("index", "open", "prefix")

    def __init__(self, index: int, delta: str, field: str) -> None:
        """Begin; `delta` and `field` are a delta's type and the name of its text."""
        self.index = index
        self.open = True
        self.prefix = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"%b","%b":' % (index, delta.encode(), field.encode())
        )


class MessagesWriter:
    """Writes one stream."""

    __slots__ = ("_begun", "_blocks", "_ended", "_foreign", "_others", "_said", "_stop", "_usage")

    def __init__(self) -> None:
        """Nothing was written."""
        self._begun = Begun("", "", 0)
        self._blocks: dict[int, Block] = {}
        self._foreign: dict[int, dict[str, Any]] = {}
        self._said: dict[str, Any] = {}
        self._stop: Stop | None = None
        self._usage: Usage | None = None
        self._ended = False
        self._others: dict[type, Callable[[Any], bytes]] = {
            Begun: self._begin,
            PartBegun: self._begin_part,
            Signed: self._sign,
            Cited: self._cite,
            PartEnded: self._end_part,
            Logprobs: self._log,
            Stopped: self._note_stop,
            Used: self._note_usage,
            Ended: self._end,
            Failed: self._fail,
        }

    def write(self, events: Sequence[Event]) -> bytes:
        """Return the bytes of some events, which may be none."""
        pieces: list[bytes] = []
        for event in events:
            if type(event) is Delta and event.choice == 0:
                pieces.append(self._delta(event.part, event.text))
            elif getattr(event, "choice", 0) == 0:
                pieces.append(self._others[type(event)](event))
        return b"".join(pieces)

    def fail(self, failure: Failure) -> bytes:
        """Return the event `error`: the last one."""
        self._ended = True
        return _event("error", errors.plain(failure))

    def _delta(self, part: int, text: str) -> bytes:
        block = self._blocks.get(part)
        if block is not None:
            return b"".join((block.prefix, ENCODER.encode(text), b"}}\n\n")) if text else b""
        foreign = self._foreign.get(part)
        if foreign is not None:
            foreign["text"] = foreign.get("text", "") + text
        return b""

    def _begin(self, event: Begun) -> bytes:
        self._begun = event
        self._usage = event.usage
        message: dict[str, Any] = {
            "id": event.id,
            "type": "message",
            "role": "assistant",
            "model": event.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": self._counts(),
        }
        return _event("message_start", {"type": "message_start", "message": message})

    def _begin_part(self, event: PartBegun) -> bytes:
        index, part = len(self._blocks), event.empty
        started = block_of(part)
        if started is None:
            self._foreign[event.part] = extension.of_foreign(event.part, part)
            return b""
        if isinstance(part, Thinking):
            block = Block(index, "thinking_delta", "thinking")
        elif isinstance(part, ToolCall | Opaque):
            block = Block(index, "input_json_delta", "partial_json")
        else:
            block = Block(index, "text_delta", "text")
        self._blocks[event.part] = block
        return _event(
            "content_block_start",
            {"type": "content_block_start", "index": index, "content_block": started},
        )

    def _sign(self, event: Signed) -> bytes:
        delta = {"type": "signature_delta", "signature": sealed(event.signature, FAMILY)}
        return self._other_delta(event.part, delta)

    def _cite(self, event: Cited) -> bytes:
        if extension.own_citation(event.citation):
            delta = {"type": "citations_delta", "citation": event.citation}
            return self._other_delta(event.part, delta)
        cited = {"index": event.part, "citation": event.citation}
        self._said.setdefault("citations", []).append(cited)
        return b""

    def _other_delta(self, part: int, delta: dict[str, Any]) -> bytes:
        block = self._blocks.get(part)
        if block is None:
            return b""
        fields = {"type": "content_block_delta", "index": block.index, "delta": delta}
        return _event("content_block_delta", fields)

    def _end_part(self, event: PartEnded) -> bytes:
        block = self._blocks.get(event.part)
        return b"" if block is None or not block.open else _closed(block)

    def _log(self, event: Logprobs) -> bytes:
        self._said.setdefault("logprobs", []).extend(extension.of_logprobs(event.tokens))
        return b""

    def _note_stop(self, event: Stopped) -> bytes:
        self._stop = event.stop
        return b""

    def _note_usage(self, event: Used) -> bytes:
        self._usage = event.usage
        return b""

    def _fail(self, event: Failed) -> bytes:
        return self.fail(event.failure)

    def _end(self, _: Ended) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        pieces = [_closed(block) for block in self._blocks.values() if block.open]
        stop = self._stop or Stop(reason="end")
        if self._foreign:
            self._said["parts"] = list(self._foreign.values())
        if unsaid(stop):
            self._said["stop_detail"] = unsaid(stop)
        self._said |= said_beside(self._begun.service_tier, self._begun.fingerprint)
        fields = {"type": "message_delta", "delta": fields_of(stop), "usage": self._counts()}
        if self._said:
            fields[FIELD] = self._said
        pieces.append(_event("message_delta", fields))
        pieces.append(_event("message_stop", {"type": "message_stop"}))
        return b"".join(pieces)

    def _counts(self) -> dict[str, Any]:
        counts = counts_of(self._usage)
        if self._begun.service_tier in TIERS:
            counts["service_tier"] = self._begun.service_tier
        return counts


def _closed(block: Block) -> bytes:
    block.open = False
    fields = {"type": "content_block_stop", "index": block.index}
    return _event("content_block_stop", fields)


def _event(name: str, fields: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), ENCODER.encode(fields))
