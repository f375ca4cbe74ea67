"""OpenAI's completions of a prompt (openai-python 3.54, types/completion*.py).

Only who speaks it is asked in it: a prompt is no conversation, so nothing is translated. Answers
and streams are looked at for their end and for what they used. Errors and the end marker are those
of `openai_chat`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct, json

from sluicegate.llm.canonical import (
    Begun,
    Delta,
    Ended,
    Failed,
    PartBegun,
    PartEnded,
    Stopped,
    Text,
    Used,
)
from sluicegate.llm.dialects.openai_chat import failures
from sluicegate.llm.dialects.openai_chat.answer_reader import decoded, measure
from sluicegate.llm.dialects.openai_chat.answer_shape import UsageShape, usage_of
from sluicegate.llm.dialects.openai_chat.stops import BROKEN, stop_of
from sluicegate.llm.dialects.openai_chat.stream_reader import DONE, broken
from sluicegate.llm.dialects.openai_chat.stream_writer import ChatStreamWriter
from sluicegate.llm.failure import Malformed
from sluicegate.llm.framing.sse import SseFraming
from sluicegate.llm.untranslated import Untranslated

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Event, Request, Usage
    from sluicegate.llm.dialect import Frame, Framing, StreamReader, StreamWriter
    from sluicegate.llm.failure import Failure


class ChunkChoice(Struct):
    """CompletionChoice."""

    text: str | None = None
    index: int = 0
    finish_reason: str | None = None


class Chunk(Struct):
    """Completion, whole or a piece of one."""

    choices: list[ChunkChoice] | None = None
    id: str | None = None
    model: str | None = None
    created: int | float | None = None
    usage: UsageShape | None = None
    error: object = None


CHUNK: Final = json.Decoder(Chunk)


class CompletionsReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_ended", "_failed", "_open", "_stopped")

    def __init__(self) -> None:
        """Begin before the first chunk."""
        self._begun = False
        self._ended = False
        self._failed = False
        self._open: set[int] = set()
        self._stopped: set[int] = set()

    def read(self, frame: Frame) -> Sequence[Event]:
        """Return what a frame says. Raises Malformed."""
        data = frame.data
        if not data or self._ended or self._failed:
            return ()
        if data.startswith(DONE):
            if not self._stopped or self._open - self._stopped:
                raise Malformed("the stream's end marker came before the end of the answer")
            self._ended = True
            return (Ended(),)
        chunk = decoded(CHUNK, data)
        if chunk.error is not None:
            self._failed = True
            return (Failed(failures.failure_of_error(json.encode(chunk.error))),)
        if chunk.choices is None and chunk.usage is None:
            raise Malformed("a chunk of the stream is of an unknown shape")
        events: list[Event] = []
        if not self._begun:
            self._begun = True
            events.append(Begun(chunk.id or "", chunk.model or "", int(chunk.created or 0)))
        for choice in chunk.choices or ():
            self._read_choice(choice, events)
        if chunk.usage is not None:
            events.append(Used(usage_of(chunk.usage)))
        return events

    def _read_choice(self, choice: ChunkChoice, events: list[Event]) -> None:
        if choice.text:
            if choice.index in self._stopped:
                raise Malformed("a choice of the stream went on after its end")
            if choice.index not in self._open:
                self._open.add(choice.index)
                events.append(PartBegun(choice.index, 0, Text(text="")))
            events.append(Delta(choice.index, 0, choice.text))
        if choice.finish_reason in BROKEN:
            self._failed = True
            events.append(Failed(broken()))
        elif choice.finish_reason and choice.index not in self._stopped:
            self._stopped.add(choice.index)
            if choice.index in self._open:
                events.append(PartEnded(choice.index, 0))
            events.append(Stopped(choice.index, stop_of(choice.finish_reason, None, called=False)))

    def end(self) -> Sequence[Event]:
        """Take notice that the bytes have ended (cleanly). Raises Malformed where too early."""
        if not self._ended and not self._failed:
            raise Malformed("the stream ended before its end marker")
        return ()


class OpenaiCompletions(Untranslated):
    """Completions of a prompt."""

    name = "openai_completions"
    stream_type = b"text/event-stream"

    def framing(self) -> Framing:
        """Return what cuts a provider's stream."""
        return SseFraming()

    def writer(self, request: Request) -> StreamWriter:
        """Return what writes the error of a stream; there is nothing else to write."""
        return ChatStreamWriter(request)

    def write_failure(self, failure: Failure, request_id: str) -> bytes:
        """Write the body of an error."""
        return failures.write_failure(failure, request_id)

    def measure(self, body: bytes) -> Usage | None:
        """Look whether a body is a whole answer, and what it used. Raises Malformed."""
        return measure(body)

    def reader(self) -> StreamReader:
        """Return what reads a stream."""
        return CompletionsReader()

    def read_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
        """Classify an answer with an error status. Never raises."""
        return failures.read_failure(status, headers, body)


DIALECT: Final = OpenaiCompletions()
