"""Events to a caller's stream: frames of `alt=sse` with CRLF, or one JSON array.

`finishReason`, the tokens and `sluicegate` stand in the last frame, which is written only when the
provider's own end was seen: a client never takes a cut answer for a whole one. A call of a tool
comes whole, as from the vendor. An error is a frame `{"error": …}`, which the SDK raises
(_api_client.py, `request_streamed`), and nothing after it.
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
from sluicegate.llm.dialects.gemini_generate.answer_writer import (
    EMPTY,
    Beside,
    note,
    plain_call,
    plain_logprobs,
    plain_part,
    signed,
    time_of,
)
from sluicegate.llm.dialects.gemini_generate.failures import plain_failure
from sluicegate.llm.dialects.gemini_generate.signatures import written_of
from sluicegate.llm.dialects.gemini_generate.usage import write_usage
from sluicegate.llm.dialects.gemini_generate.words import write_stop

if TYPE_CHECKING:
    from sluicegate.llm.failure import Failure

encode: Final = msgspec.json.encode


class OpenPart:
    """A part that has begun: what it is, and what of it comes only at its end."""

    __slots__ = ("arguments", "empty", "head", "signature")

    def __init__(self, empty: Text | Thinking | ToolCall | Refusal | Opaque, head: bytes) -> None:
        """Begin a part; `head` is what stands before its text in a frame."""
        self.empty = empty
        self.head = head
        self.arguments: list[str] = []
        self.signature: Signature | None = None


class GeminiStreamWriter:
    """Writes one stream."""

    __slots__ = ("_array", "_begun", "_beside", "_open", "_stops", "_tail", "_usage", "_wrote")

    def __init__(self, *, array: bool = False) -> None:
        """Begin a stream; `array`: without `alt=sse`."""
        self._array = array
        self._begun = Begun("", "", 0)
        self._tail = b"}"
        self._beside = Beside()
        self._open: dict[tuple[int, int], OpenPart] = {}
        self._stops: dict[int, Stop] = {}
        self._usage: Usage | None = None
        self._wrote = False

    def write(self, events: Sequence[Event]) -> bytes:
        """Return the bytes of some events. Raises Malformed: a call has no JSON object."""
        out: list[bytes] = []
        for event in events:
            if type(event) is Delta:
                self._delta(event, out)
            else:
                self._event(event, out)
        return b"".join(out)

    def fail(self, failure: Failure) -> bytes:
        """Return an error, the last bytes of a stream."""
        last = self._frame(encode(plain_failure(failure)))
        return last + b"]" if self._array else last

    def _frame(self, body: bytes) -> bytes:
        if not self._array:
            return b"data: " + body + b"\r\n\r\n"
        before = b",\r\n" if self._wrote else b"["
        self._wrote = True
        return before + body

    def _delta(self, event: Delta, out: list[bytes]) -> None:
        part = self._open.get((event.choice, event.part))
        if part is None:
            return
        if part.head:
            out.append(self._frame(part.head + encode(event.text) + self._end(event.choice)))
        else:
            part.arguments.append(event.text)

    def _end(self, choice: int) -> bytes:
        """Return what stands behind the text of a part."""
        return b'}],"role":"model"},"index":%d}]%b' % (choice, self._tail)

    def _part(self, choice: int, part: dict[str, Any], out: list[bytes]) -> None:
        """Write a frame with one part."""
        head = b'{"candidates":[{"content":{"parts":[' + encode(part)[:-1]
        out.append(self._frame(head + self._end(choice)))

    def _event(self, event: Event, out: list[bytes]) -> None:  # noqa: C901 - one branch an event
        match event:
            case Begun():
                self._begin(event)
            case PartBegun():
                self._part_begun(event, out)
            case Signed():
                self._signed(event, out)
            case PartEnded():
                self._part_ended(event.choice, event.part, out)
            case Cited():
                said = {"part": event.part, "citation": event.citation}
                self._beside.of(event.choice, "citations", said)
            case Logprobs():
                self._logprobs(event, out)
            case Stopped():
                for choice, part in [key for key in self._open if key[0] == event.choice]:
                    self._part_ended(choice, part, out)
                self._stops[event.choice] = event.stop
            case Used():
                self._usage = event.usage
            case Ended():
                self._ended(out)
            case Failed():
                out.append(self.fail(event.failure))
            case _:  # pragma: no cover - Delta is written by `_delta`
                pass

    def _begin(self, event: Begun) -> None:
        self._begun = event
        if event.usage is not None:
            self._usage = event.usage
        said: dict[str, Any] = {"modelVersion": event.model, "responseId": event.id}
        if event.created:
            said["createTime"] = time_of(event.created)
        self._tail = b"," + encode(said)[1:]

    def _part_begun(self, event: PartBegun, out: list[bytes]) -> None:
        empty = event.empty
        head = b'{"candidates":[{"content":{"parts":[{'
        if isinstance(empty, Thinking):
            head += b'"thought":true,'
            signature = written_of(empty)
            if signature is not None:
                thought = {"text": empty.text, "thought": True, "thoughtSignature": signature}
                self._part(event.choice, thought, out)
        elif isinstance(empty, Refusal):
            self._beside.of(event.choice, "refusals", event.part)
        elif isinstance(empty, Opaque):
            said = plain_part(event.choice, event.part, empty, self._beside)
            if said:
                self._part(event.choice, said, out)
        kept = isinstance(empty, ToolCall | Opaque)
        opened = OpenPart(empty, b"" if kept else head + b'"text":')
        if isinstance(empty, ToolCall):
            opened.signature = empty.signature
        self._open[event.choice, event.part] = opened

    def _signed(self, event: Signed, out: list[bytes]) -> None:
        part = self._open.get((event.choice, event.part))
        if part is None:
            return
        if isinstance(part.empty, ToolCall):
            part.signature = event.signature
        elif isinstance(part.empty, Thinking):
            thinking = part.empty
            said = Thinking(signature=event.signature, id=thinking.id, summary=thinking.summary)
            thought = {"text": "", "thought": True, "thoughtSignature": written_of(said)}
            self._part(event.choice, thought, out)
        else:
            self._part(event.choice, EMPTY | signed(event.signature), out)

    def _part_ended(self, choice: int, number: int, out: list[bytes]) -> None:
        part = self._open.pop((choice, number), None)
        if part is not None and isinstance(part.empty, ToolCall):
            call = part.empty
            arguments = call.arguments + "".join(part.arguments)
            said = plain_call(call.id, call.name, arguments) | signed(part.signature)
            self._part(choice, said, out)

    def _logprobs(self, event: Logprobs, out: list[bytes]) -> None:
        candidate = {
            "content": {"parts": [EMPTY], "role": "model"},
            "index": event.choice,
            "logprobsResult": plain_logprobs(event.tokens),
        }
        out.append(self._frame(b'{"candidates":[' + encode(candidate) + b"]" + self._tail))

    def _ended(self, out: list[bytes]) -> None:
        """Write the last frame."""
        last: dict[str, Any] = {
            "candidates": [
                {
                    "content": {"parts": [EMPTY], "role": "model"},
                    "finishReason": write_stop(stop),
                    "index": choice,
                }
                for choice, stop in sorted(self._stops.items())
            ]
        }
        for choice, stop in self._stops.items():
            self._beside.stop(choice, stop)
        if self._usage is not None:
            last["usageMetadata"] = write_usage(self._usage)
        note(self._beside, self._usage, self._begun.service_tier, self._begun.fingerprint)
        last |= self._beside.member()
        out.append(self._frame(encode(last)[:-1] + self._tail))
        if self._array:
            out.append(b"]")
