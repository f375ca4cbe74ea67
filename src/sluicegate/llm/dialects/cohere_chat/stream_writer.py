"""Events to one stream of Cohere's chat.

Usage stands in `message-end`, so that it is written when the stream ends. A failure is
`message-end` too, with an error (`types/chat_message_end_event_delta.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm import canonical
from sluicegate.llm.dialects.cohere_chat import wire
from sluicegate.llm.dialects.cohere_chat.answer import OURS, write_call, write_logprob
from sluicegate.llm.dialects.cohere_chat.usage import write_stop, write_usage
from sluicegate.llm.signature import sealed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.llm.canonical import Event
    from sluicegate.llm.failure import Failure

ENCODER: Final = msgspec.json.Encoder()

Empty = (
    canonical.Text | canonical.Thinking | canonical.ToolCall | canonical.Refusal | canonical.Opaque
)


class CohereWriter:
    """Writes one stream: of the first choice, for there is one."""

    __slots__ = ("_calls", "_contents", "_indices", "_ours", "_parts", "_stop", "_usage")

    def __init__(self) -> None:
        """Begin."""
        self._parts: dict[int, Empty] = {}
        self._indices: dict[int, int] = {}
        self._contents = 0
        self._calls = 0
        self._stop = canonical.Stop(reason="end")
        self._usage: canonical.Usage | None = None
        self._ours: dict[str, Any] = {}

    def write(self, events: Sequence[Event]) -> bytes:
        """Return the bytes of some events, which may be none."""
        return b"".join([self._write(event) for event in events])

    def fail(self, failure: Failure) -> bytes:
        """Return the last event of a stream that failed."""
        word = "TIMEOUT" if failure.kind == "timeout" else "ERROR"
        return _event("message-end", delta={"finish_reason": word, "error": failure.message})

    def _write(self, event: Event) -> bytes:  # noqa: C901, PLR0911 - one branch per event
        match event:
            case canonical.Delta(choice=0):
                return self._delta(event.part, event.text)
            case canonical.PartBegun(choice=0):
                return self._begin(event.part, event.empty)
            case canonical.Signed(choice=0):
                return self._signed(event.part, sealed(event.signature, ""))
            case canonical.Cited(choice=0):
                index = self._indices.get(event.part, 0)
                message = {"citations": event.citation}
                return _event("citation-start", index, message) + _event("citation-end", index)
            case canonical.PartEnded(choice=0):
                return self._end_part(event.part)
            case canonical.Begun():
                self._ours |= {"model": event.model, "created": event.created}
                self._usage = event.usage or self._usage
                return _event("message-start", message={"role": "assistant"}, id=event.id)
            case canonical.Logprobs(choice=0):
                return b"".join([self._logprob(token) for token in event.tokens])
            case canonical.Stopped(choice=0):
                self._stop = event.stop
            case canonical.Used():
                self._usage = event.usage
            case canonical.Ended():
                return self._end()
            case canonical.Failed():
                return self.fail(event.failure)
        return b""

    def _begin(self, part: int, empty: Empty) -> bytes:
        self._parts[part] = empty
        match empty:
            case canonical.ToolCall():
                index = self._indices[part] = self._calls
                self._calls += 1
                start = _event("tool-call-start", index, {"tool_calls": write_call(empty)})
                if empty.signature is not None:
                    start += self._signed(part, sealed(empty.signature, ""))
                return start
            case canonical.Opaque():
                self._ours.setdefault("parts", []).append(empty)
                return b""
            case canonical.Thinking() if empty.id == wire.PLAN:
                return self._delta(part, empty.text) if empty.text else b""
        index = self._indices[part] = self._contents
        self._contents += 1
        if isinstance(empty, canonical.Thinking):
            content: dict[str, Any] = {"type": "thinking", "thinking": empty.text}
            if empty.redacted:
                content["redacted"] = True
        else:
            content = {"type": "text", "text": empty.text}
        start = _event("content-start", index, {"content": content})
        signature = None if isinstance(empty, canonical.Refusal) else empty.signature
        return start if signature is None else start + self._signed(part, sealed(signature, ""))

    def _delta(self, part: int, text: str) -> bytes:
        index = self._indices.get(part, 0)
        match self._parts.get(part):
            case canonical.ToolCall():
                message: dict[str, Any] = {"tool_calls": {"function": {"arguments": text}}}
                return _event("tool-call-delta", index, message)
            case canonical.Thinking(id=wire.PLAN):
                return _event("tool-plan-delta", message={"tool_plan": text})
            case canonical.Thinking():
                return _event("content-delta", index, {"content": {"thinking": text}})
        return _event("content-delta", index, {"content": {"text": text}})

    def _signed(self, part: int, text: str) -> bytes:
        """Return a signature, of which Cohere knows nothing."""
        index = self._indices.get(part, 0)
        if isinstance(self._parts.get(part), canonical.ToolCall):
            return _event("tool-call-delta", index, {"tool_calls": {"signature": text}})
        return _event("content-delta", index, {"content": {"signature": text}})

    def _end_part(self, part: int) -> bytes:
        match self._parts.get(part):
            case canonical.Opaque() | canonical.Thinking(id=wire.PLAN):
                return b""
            case canonical.ToolCall():
                return _event("tool-call-end", self._indices[part])
        return _event("content-end", self._indices.get(part, 0))

    def _logprob(self, token: canonical.Logprob) -> bytes:
        """Return log probabilities with the last text, as a delta that adds nothing to it."""
        index = max(self._contents - 1, 0)
        content = {"content": {"text": ""}}
        return _event("content-delta", index, content, logprobs=write_logprob(token))

    def _end(self) -> bytes:
        delta = {
            "finish_reason": write_stop(self._stop),
            "usage": write_usage(self._usage),
            OURS: self._ours,
        }
        return _event("message-end", delta=delta)


def _event(
    kind: str,
    index: int | None = None,
    message: dict[str, Any] | None = None,
    *,
    delta: dict[str, Any] | None = None,
    **more: object,
) -> bytes:
    body: dict[str, Any] = {"type": kind, **more}
    if index is not None:
        body["index"] = index
    if message is not None:
        delta = {"message": message}
    if delta is not None:
        body["delta"] = delta
    return b"event: " + kind.encode() + b"\ndata: " + ENCODER.encode(body) + b"\n\n"
