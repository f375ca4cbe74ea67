"""Events to one stream of ConverseStream.

Usage stands in `metadata`, which comes last: it is written when the stream ends. What the dialect
has no words for is in `messageStop`, `additionalModelResponseFields.sluicegate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm import canonical
from sluicegate.llm.dialects.bedrock_converse import wire
from sluicegate.llm.dialects.bedrock_converse.answer import OURS
from sluicegate.llm.dialects.bedrock_converse.failures import exception_for
from sluicegate.llm.dialects.bedrock_converse.read_request import FAMILY
from sluicegate.llm.dialects.bedrock_converse.usage import write_stop, write_usage
from sluicegate.llm.framing.event_stream import message
from sluicegate.llm.signature import sealed

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Event
    from sluicegate.llm.failure import Failure

ENCODER: Final = msgspec.json.Encoder()

Empty = canonical.Text | canonical.Thinking | canonical.ToolCall | canonical.Refusal


class ConverseWriter:
    """Writes one stream: of the first choice, for there is one."""

    __slots__ = ("_ours", "_parts", "_stopped", "_tier", "_usage")

    def __init__(self) -> None:
        """Begin."""
        self._parts: dict[int, Empty | canonical.Opaque] = {}
        self._usage: canonical.Usage | None = None
        self._tier = ""
        self._ours: dict[str, Any] = {}
        self._stopped: canonical.Stop | None = None

    def write(self, events: Sequence[Event]) -> bytes:
        """Return the bytes of some events, which may be none."""
        return b"".join([self._write(event) for event in events])

    def fail(self, failure: Failure) -> bytes:
        """Return the exception that ends the stream."""
        return _event("exception:" + exception_for(failure), {"message": failure.message})

    def _write(self, event: Event) -> bytes:  # noqa: C901, PLR0911 - one branch per event
        match event:
            case canonical.Delta(choice=0):
                return self._delta(event.part, event.text)
            case canonical.PartBegun(choice=0):
                return self._begin(event.part, event.empty)
            case canonical.Signed(choice=0):
                return self._signed(event)
            case canonical.Cited(choice=0):
                return _delta(event.part, {"citation": event.citation})
            case canonical.PartEnded(choice=0):
                return self._end_part(event.part)
            case canonical.Begun():
                self._ours |= {"id": event.id, "model": event.model, "created": event.created}
                self._usage = event.usage or self._usage
                self._tier = event.service_tier or self._tier
                return _event("messageStart", {"role": "assistant"})
            case canonical.Logprobs(choice=0):
                self._ours.setdefault("logprobs", []).extend(event.tokens)
            case canonical.Stopped(choice=0):
                self._stopped = event.stop
            case canonical.Used():
                self._usage = event.usage
                self._tier = self._tier or event.usage.tier
            case canonical.Ended():
                return self._end()
            case canonical.Failed():
                return self.fail(event.failure)
        return b""

    def _begin(self, part: int, empty: Empty | canonical.Opaque) -> bytes:
        self._parts[part] = empty
        match empty:
            case canonical.ToolCall():
                if empty.signature is not None:
                    self._odd(part)["signature"] = sealed(empty.signature, FAMILY)
                use = {"toolUseId": empty.id, "name": empty.name}
                body = {"contentBlockIndex": part, "start": {"toolUse": use}}
                written = _event("contentBlockStart", body)
                return written + (self._delta(part, empty.arguments) if empty.arguments else b"")
            case canonical.Opaque():
                if empty.dialect == wire.NAME and "contentBlockIndex" in empty.raw:
                    name = "contentBlockStart" if "start" in empty.raw else "contentBlockDelta"
                    return _event(name, {**empty.raw, "contentBlockIndex": part})
                self._odd(part).update(dialect=empty.dialect, raw=empty.raw)
                return b""
            case canonical.Refusal():
                self._odd(part)["refusal"] = True
        if isinstance(empty, canonical.Thinking) and empty.redacted:
            if empty.signature is not None:
                return self._signed(canonical.Signed(0, part, empty.signature))
            return b""
        return self._delta(part, empty.text) if empty.text else b""

    def _delta(self, part: int, text: str) -> bytes:
        match self._parts.get(part):
            case canonical.ToolCall():
                return _delta(part, {"toolUse": {"input": text}})
            case canonical.Thinking():
                return _delta(part, {"reasoningContent": {"text": text}})
        return _delta(part, {"text": text})

    def _signed(self, event: canonical.Signed) -> bytes:
        part = self._parts.get(event.part)
        if not isinstance(part, canonical.Thinking):
            self._odd(event.part)["signature"] = sealed(event.signature, FAMILY)
            return b""
        if part.redacted:
            said = {"redactedContent": event.signature.text}
        else:
            said = {"signature": sealed(event.signature, FAMILY)}
        return _delta(event.part, {"reasoningContent": said})

    def _end_part(self, part: int) -> bytes:
        if isinstance(self._parts.get(part), canonical.Opaque):
            return b""
        return _event("contentBlockStop", {"contentBlockIndex": part})

    def _end(self) -> bytes:
        stop = self._stopped or canonical.Stop(reason="end")
        more: dict[str, Any] = {OURS: self._ours}
        if stop.sequence is not None:
            more["stop_sequence"] = stop.sequence
        stopped = {"stopReason": write_stop(stop), "additionalModelResponseFields": more}
        metadata: dict[str, Any] = {
            "usage": write_usage(self._usage),
            "metrics": {"latencyMs": 0},
        }
        if self._tier:
            metadata["serviceTier"] = {"type": self._tier}
        return _event("messageStop", stopped) + _event("metadata", metadata)

    def _odd(self, part: int) -> dict[str, Any]:
        parts: dict[str, dict[str, Any]] = self._ours.setdefault("parts", {})
        return parts.setdefault(str(part), {})


def _delta(part: int, delta: dict[str, Any]) -> bytes:
    return _event("contentBlockDelta", {"contentBlockIndex": part, "delta": delta})


def _event(name: str, body: dict[str, Any]) -> bytes:
    return message(name, ENCODER.encode(body))
