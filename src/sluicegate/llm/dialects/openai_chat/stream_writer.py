"""From events to chunks for a client.

The official SDK puts chunks together with `accumulate_delta` (openai/lib/streaming/_deltas.py): it
joins strings, and lists by the `index` of what is in them. So everything in a list has one here.
The usage comes in a last chunk without choices, where the client asked for it.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    Refusal,
    Request,
    Signature,
    Signed,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from sluicegate.llm.dialects.openai_chat.answer_shape import usage_shaped
from sluicegate.llm.dialects.openai_chat.answer_writer import (
    NAME,
    add_citation,
    call_shaped,
    logprobs_shaped,
)
from sluicegate.llm.dialects.openai_chat.failures import error_shaped
from sluicegate.llm.dialects.openai_chat.signatures import as_block, as_content
from sluicegate.llm.dialects.openai_chat.stops import WRITTEN, extension_of

if TYPE_CHECKING:
    from sluicegate.llm.failure import Failure

ENCODE: Final = msgspec.json.Encoder().encode
DONE: Final = b"data: [DONE]\n\n"
OfChoice = PartBegun | Signed | Cited | PartEnded | Logprobs | Stopped
FIELDS: Final = {Text: "content", Refusal: "refusal", Thinking: "reasoning_content"}


class ChatStreamWriter:
    """Writes one stream."""

    __slots__ = ("_choices", "_head", "_usage", "_with_usage")

    def __init__(self, request: Request) -> None:
        """Begin before the first event."""
        self._with_usage = request.stream_usage
        self._usage: Usage | None = None
        self._head = b""
        self._choices: dict[int, ChoiceWriter] = {}

    def write(self, events: Sequence[Event]) -> bytes:
        """Return the bytes of some events."""
        if len(events) == 1:
            return self._write(events[0])
        return b"".join([self._write(event) for event in events])

    def fail(self, failure: Failure) -> bytes:
        """Return an error in a chunk's place: the SDK raises an APIError of it."""
        return b"data: " + ENCODE({"error": error_shaped(failure)}) + b"\n\n"

    def _write(self, event: Event) -> bytes:
        if isinstance(event, Delta):
            return self._chunk(event.choice, self._choice(event.choice).more(event))
        if isinstance(event, Begun):
            self._begin(event)
        elif isinstance(event, Used):
            self._usage = event.usage
        elif isinstance(event, Ended):
            return self._end()
        elif isinstance(event, Failed):
            return self.fail(event.failure)
        else:
            return self._of_choice(event)
        return b""

    def _of_choice(self, event: OfChoice) -> bytes:
        choice = self._choice(event.choice)
        if isinstance(event, PartBegun):
            return b"".join([self._chunk(event.choice, delta) for delta in choice.begin(event)])
        if isinstance(event, Logprobs):
            tokens = ENCODE(logprobs_shaped(event.tokens))
            return self._chunk(event.choice, b"{}", b',"logprobs":' + tokens)
        if isinstance(event, Stopped):
            return self._stop(event.choice, event.stop)
        delta = choice.add(event)
        return self._chunk(event.choice, delta) if delta else b""

    def _choice(self, index: int) -> ChoiceWriter:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = ChoiceWriter()
        return choice

    def _begin(self, event: Begun) -> None:
        head: dict[str, Any] = {
            "id": event.id,
            "object": "chat.completion.chunk",
            "created": event.created,
            "model": event.model,
        }
        if event.service_tier is not None:
            head["service_tier"] = event.service_tier
        if event.fingerprint is not None:
            head["system_fingerprint"] = event.fingerprint
        self._head = b"data: " + ENCODE(head)[:-1]
        self._usage = event.usage or self._usage

    def _chunk(self, index: int, delta: bytes, rest: bytes = b"") -> bytes:
        usage = b',"usage":null' if self._with_usage else b""
        return b'%b%b,"choices":[{"index":%d,"delta":%b,"finish_reason":null%b}]}\n\n' % (
            self._head,
            usage,
            index,
            delta,
            rest,
        )

    def _stop(self, index: int, stop: Stop) -> bytes:
        choice: dict[str, Any] = {
            "index": index,
            "delta": {},
            "finish_reason": WRITTEN[stop.reason],
        }
        extension = extension_of(stop)
        if extension is not None:
            choice["sluicegate"] = extension
        usage = b',"usage":null' if self._with_usage else b""
        return self._head + usage + b',"choices":[' + ENCODE(choice) + b"]}\n\n"

    def _end(self) -> bytes:
        if not self._with_usage or self._usage is None:
            return DONE
        usage = ENCODE(usage_shaped(self._usage))
        return self._head + b',"choices":[],"usage":' + usage + b"}\n\n" + DONE


class ChoiceWriter:
    """Writes the deltas of one choice."""

    __slots__ = ("_blocks", "_calls", "_cited", "_opaque", "_parts", "_said", "_texts")

    def __init__(self) -> None:
        """Begin before the first part."""
        self._parts: dict[int, tuple[Any, bytes, bytes]] = {}
        self._texts: dict[int, list[str]] = {}
        self._calls: dict[int, int] = {}
        self._blocks = self._cited = self._opaque = 0
        self._said = False

    def begin(self, event: PartBegun) -> list[bytes]:
        """Return the deltas with which a part begins; the first of all names the role."""
        empty = event.empty
        deltas = []
        if not self._said:
            self._said = True
            content = "" if isinstance(empty, Text) else None
            deltas.append(ENCODE({"role": "assistant", "content": content}))
        if isinstance(empty, ToolCall):
            deltas.append(self._begin_call(event.part, empty))
        elif isinstance(empty, Opaque):
            deltas.append(self._opaque_delta(empty))
        else:
            name = FIELDS[type(empty)]
            self._parts[event.part] = (empty, b'{"%b":' % name.encode(), b"}")
            if isinstance(empty, Thinking):
                self._texts[event.part] = []
            if empty.text:
                deltas.append(self.more(Delta(event.choice, event.part, empty.text)))
            if not isinstance(empty, Refusal) and empty.signature is not None:
                deltas.append(self._signed(event.part, empty.signature))
        return deltas

    def more(self, event: Delta) -> bytes:
        """Return the delta of more text."""
        _, before, after = self._parts[event.part]
        texts = self._texts.get(event.part)
        if texts is not None:
            texts.append(event.text)
        return before + ENCODE(event.text) + after

    def add(self, event: Signed | Cited | PartEnded) -> bytes:
        """Return the delta of something that is not text; may be none."""
        if isinstance(event, Signed):
            return self._signed(event.part, event.signature)
        if isinstance(event, Cited):
            delta: dict[str, Any] = {}
            citation = event.citation
            if "url_citation" in citation:
                citation = {"index": self._cited, **citation}
            add_citation(delta, citation, self._cited)
            self._cited += 1
            return ENCODE(delta)
        return b""

    def _begin_call(self, part: int, call: ToolCall) -> bytes:
        number = self._calls[part] = len(self._calls)
        kind, field = (b"custom", b"input") if call.custom else (b"function", b"arguments")
        before = b'{"tool_calls":[{"index":%d,"%b":{"%b":' % (number, kind, field)
        self._parts[part] = (call, before, b"}}]}")
        return ENCODE({"tool_calls": [{"index": number, **call_shaped(call)}]})

    def _opaque_delta(self, part: Opaque) -> bytes:
        if part.dialect == NAME and set(part.raw) <= {"audio", "images"}:
            return ENCODE(part.raw)
        shaped = {"index": self._opaque, "dialect": part.dialect, "raw": part.raw}
        self._opaque += 1
        return ENCODE({"sluicegate": {"parts": [shaped]}})

    def _signed(self, part: int, signature: Signature) -> bytes:
        empty = self._parts[part][0]
        if isinstance(empty, ToolCall):
            call = {"index": self._calls[part], "extra_content": as_content(signature)}
            if not empty.custom:  # the SDK's accumulator wants one in every delta of a call
                call["function"] = {"arguments": ""}
            return ENCODE({"tool_calls": [call]})
        if isinstance(empty, Text):
            return ENCODE({"extra_content": as_content(signature)})
        thinking = msgspec.structs.replace(empty, signature=signature)
        block = as_block(thinking, "".join(self._texts[part]))
        number = self._blocks
        self._blocks += 1
        return ENCODE({"thinking_blocks": [{"index": number, **block}]})
