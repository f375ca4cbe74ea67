"""A provider's stream to events.

Each frame is an answer of its own, of which only what is new matters; `usageMetadata` is that so
far. There is no end marker: a stream is whole where every candidate that it began has a
`finishReason`, or where the prompt was blocked. A signature comes with the text behind the
thinking, or at the very end with an empty text (ai.google.dev, "Thought signatures").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate.llm.canonical import (
    Begun,
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    Logprobs,
    PartBegun,
    PartEnded,
    Signed,
    Stopped,
    Text,
    Thinking,
    Usage,
    Used,
)
from sluicegate.llm.dialects.gemini_generate import wire
from sluicegate.llm.dialects.gemini_generate.answer_reader import (
    PlainParts,
    block_of,
    call_of,
    citations_of,
    created_of,
    logprobs_of,
)
from sluicegate.llm.dialects.gemini_generate.failures import failure_of
from sluicegate.llm.dialects.gemini_generate.signatures import FAMILY, signature_of, thinking_of
from sluicegate.llm.dialects.gemini_generate.usage import read_usage
from sluicegate.llm.dialects.gemini_generate.words import UNSPECIFIED, read_stop
from sluicegate.llm.failure import Malformed

if TYPE_CHECKING:
    from sluicegate.llm.dialect import Frame

CHUNK: Final = msgspec.json.Decoder(wire.Chunk)
USAGE: Final = msgspec.json.Decoder(wire.UsageMetadata)


class Progress:
    """How far a candidate is: the part that is open (`kind` "" for none), how many there were."""

    __slots__ = ("calls", "kind", "parts", "signed", "stopped", "text")

    def __init__(self) -> None:
        """Nothing was said."""
        self.kind = ""
        self.parts = 0
        self.calls = 0
        self.signed = False
        self.stopped = False
        self.text = -1


class GeminiStreamReader:
    """Reads one stream. The tokens are told at its beginning and at its end."""

    __slots__ = ("_begun", "_candidates", "_failed", "_id", "_used")

    def __init__(self) -> None:
        """Nothing has come."""
        self._begun = False
        self._used = False
        self._failed = False
        self._id = ""
        self._candidates: dict[int, Progress] = {}

    def read(self, frame: Frame) -> Sequence[Event]:
        """Return what a frame says. Raises Malformed."""
        if not frame.data:
            return ()
        try:
            chunk = CHUNK.decode(frame.data)
        except (ValueError, RecursionError):
            raise Malformed("an event that is not one of streamGenerateContent") from None
        said = chunk.candidates
        if self._begun and said and len(said) == 1:
            candidate = said[0]
            if (
                candidate.finish_reason is None
                and (content := candidate.content) is not None
                and (parts := content.parts)
                and len(parts) == 1
            ):
                part = parts[0]
                progress = self._candidates.get(candidate.index)
                if (  # nearly all frames: more of the text before
                    part.text
                    and progress is not None
                    and progress.kind == ("thinking" if part.thought else "text")
                    and part.thought_signature is None
                    and candidate.logprobs_result is None
                    and candidate.citation_metadata is None
                    and candidate.grounding_metadata is None
                ):
                    return (Delta(candidate.index, progress.parts - 1, part.text),)
        return self._read(chunk, frame)

    def _read(self, chunk: wire.Chunk, frame: Frame) -> Sequence[Event]:
        events: list[Event] = []
        if chunk.error is not None:
            self._failed = True
            return [Failed(failure_of(chunk.error))]
        if not self._begun:
            self._begin(chunk, events)
        for place, candidate in enumerate(chunk.candidates or ()):
            self._candidate(candidate, place, frame, events)
        blocked = block_of(chunk)
        if blocked is not None and not self._candidates:
            self._candidates[0] = Progress()
            self._candidates[0].stopped = True
            events.append(Stopped(0, blocked))
        if bytes(chunk.usage_metadata) not in {b"", b"null"} and (not self._used or self._whole()):
            self._used = True
            events.append(Used(_usage(chunk)))
        return events

    def end(self) -> Sequence[Event]:
        """Take notice that the bytes have ended. Raises Malformed: before the answer has."""
        if self._failed or not self._whole():
            raise Malformed("the stream ended before the answer")
        return [Ended()]

    def _whole(self) -> bool:
        """Whether all that has begun has ended."""
        for progress in self._candidates.values():
            if not progress.stopped:
                return False
        return bool(self._candidates)

    def _begin(self, chunk: wire.Chunk, events: list[Event]) -> None:
        self._begun = True
        self._id = chunk.response_id
        events.append(Begun(chunk.response_id, chunk.model_version, created_of(chunk)))

    def _candidate(
        self, candidate: wire.Candidate, place: int, frame: Frame, events: list[Event]
    ) -> None:
        choice = candidate.index
        progress = self._candidates.get(choice)
        if progress is None:
            progress = self._candidates[choice] = Progress()
        parts = candidate.content.parts if candidate.content is not None else None
        if parts:
            for at, part in enumerate(parts):
                if progress.stopped and (part.text != "" or part.thought_signature):
                    raise Malformed("more of an answer that has ended")
                if part.text is not None and part.function_call is None:
                    self._text(choice, progress, part, events)
                else:
                    self._other(choice, progress, part, (place, at, frame), events)
        if candidate.logprobs_result is not None:
            tokens = logprobs_of(candidate.logprobs_result)
            if tokens:
                events.append(Logprobs(choice, tokens))
        if candidate.citation_metadata is not None or candidate.grounding_metadata is not None:
            self._cite(choice, progress, candidate, events)
        word = candidate.finish_reason
        if word is not None and word not in UNSPECIFIED and not progress.stopped:
            _close(choice, progress, events)
            progress.stopped = True
            events.append(Stopped(choice, read_stop(word, calls=progress.calls > 0)))

    def _text(
        self, choice: int, progress: Progress, part: wire.SaidPart, events: list[Event]
    ) -> None:
        kind = "thinking" if part.thought else "text"
        text = part.text or ""
        if part.thought_signature:
            self._signed(choice, progress, part, events)
            return
        if not text:
            return
        if progress.kind != kind:
            _open(choice, progress, kind, events)
        events.append(Delta(choice, progress.parts - 1, text))

    def _signed(
        self, choice: int, progress: Progress, part: wire.SaidPart, events: list[Event]
    ) -> None:
        """Read a text or thinking with a signature."""
        kind = "thinking" if part.thought else "text"
        text, said = part.text or "", part.thought_signature or ""
        if kind == "thinking":
            thinking = thinking_of("", said)
            if thinking.redacted or (thinking.id and progress.kind != kind):
                _close(choice, progress, events)
                events.append(PartBegun(choice, progress.parts, thinking))
                events.append(PartEnded(choice, progress.parts))
                progress.parts += 1
                return
        signature = signature_of(said)
        unsigned = progress.kind == "thinking" and not progress.signed
        behind = kind == "text" and unsigned and signature.family == FAMILY
        if behind:
            events.append(Signed(choice, progress.parts - 1, signature))
            progress.signed = True
        if progress.kind != kind and (text or not behind):
            _open(choice, progress, kind, events)
        if text:
            events.append(Delta(choice, progress.parts - 1, text))
        if not behind:
            events.append(Signed(choice, progress.parts - 1, signature))
            progress.signed = True

    def _other(
        self,
        choice: int,
        progress: Progress,
        part: wire.SaidPart,
        where: tuple[int, int, Frame],
        events: list[Event],
    ) -> None:
        """Read a call, or a part that only this dialect has words for: both come whole."""
        place, at, frame = where
        _close(choice, progress, events)
        number = progress.parts
        progress.parts += 1
        if part.function_call is None or not part.function_call.name:
            events.append(PartBegun(choice, number, PlainParts(frame.data).part(place, at)))
        else:
            call = call_of(part, self._id, choice, progress.calls)
            progress.calls += 1
            arguments, signature = call.arguments, call.signature
            call.arguments, call.signature = "", None
            events.append(PartBegun(choice, number, call))
            events.append(Delta(choice, number, arguments))
            if signature is not None:
                events.append(Signed(choice, number, signature))
        events.append(PartEnded(choice, number))

    def _cite(
        self, choice: int, progress: Progress, candidate: wire.Candidate, events: list[Event]
    ) -> None:
        found = citations_of(candidate)
        if found and progress.text < 0 and not progress.stopped:
            _open(choice, progress, "text", events)
        events.extend(Cited(choice, max(0, progress.text), one) for one in found)


def _usage(chunk: wire.Chunk) -> Usage:
    try:
        return read_usage(USAGE.decode(chunk.usage_metadata), chunk.sluicegate)
    except (ValueError, RecursionError):
        raise Malformed("an event with faulty usageMetadata") from None


def _open(choice: int, progress: Progress, kind: str, events: list[Event]) -> None:
    """Begin a part; the one before it is whole."""
    _close(choice, progress, events)
    progress.kind = kind
    progress.signed = False
    if kind == "text":
        progress.text = progress.parts
        events.append(PartBegun(choice, progress.parts, Text(text="")))
    else:
        events.append(PartBegun(choice, progress.parts, Thinking()))
    progress.parts += 1


def _close(choice: int, progress: Progress, events: list[Event]) -> None:
    if progress.kind:
        progress.kind = ""
        events.append(PartEnded(choice, progress.parts - 1))
