"""The dialect as a whole; see the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sluicegate.llm.dialects.gemini_generate import (
    answer_reader,
    answer_writer,
    failures,
    request_reader,
    request_writer,
)
from sluicegate.llm.dialects.gemini_generate.signatures import FAMILY
from sluicegate.llm.dialects.gemini_generate.stream_reader import GeminiStreamReader
from sluicegate.llm.dialects.gemini_generate.stream_writer import GeminiStreamWriter
from sluicegate.llm.dialects.gemini_generate.words import FIELDS
from sluicegate.llm.framing.sse import SseFraming

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Answer, Request, Usage
    from sluicegate.llm.dialect import Framing, Incoming, Outgoing, StreamReader, StreamWriter
    from sluicegate.llm.failure import Failure
    from sluicegate.llm.losses import Losses


class GeminiGenerate:
    """`:generateContent` and `:streamGenerateContent`.

    Callers get a stream without `alt=sse` as a JSON array, by `array_writer`; providers are always
    asked for frames.
    """

    name = "gemini_generate"
    family = FAMILY
    names: Mapping[str, str] = FIELDS
    stream_type = b"text/event-stream"

    def framing(self) -> Framing:
        """Return what cuts a provider's stream."""
        return SseFraming()

    def read_request(self, incoming: Incoming, *, drop: bool = False) -> tuple[Request, list[str]]:
        """Read a call. Raises CallError."""
        return request_reader.read_request(incoming, drop=drop)

    def write_answer(self, answer: Answer, request: Request) -> bytes:  # noqa: ARG002 - contract
        """Write a whole answer. Raises Malformed: a call's arguments are no JSON object."""
        return answer_writer.write_answer(answer)

    def writer(self, request: Request) -> StreamWriter:  # noqa: ARG002 - contract
        """Return what writes a stream."""
        return GeminiStreamWriter()

    def array_writer(self, request: Request) -> StreamWriter:  # noqa: ARG002 - as `writer`
        """Return what writes a stream without `alt=sse`."""
        return GeminiStreamWriter(array=True)

    def write_failure(self, failure: Failure, request_id: str) -> bytes:
        """Write the body of an error."""
        return failures.write_failure(failure, request_id)

    def write_request(self, request: Request, losses: Losses) -> Outgoing:
        """Write a call; tell `losses` what is not in it."""
        return request_writer.write_request(request, losses)

    def read_answer(self, body: bytes) -> Answer:
        """Read a whole answer. Raises Malformed."""
        return answer_reader.read_answer(body)

    def measure(self, body: bytes) -> Usage | None:
        """Look whether a body is a whole answer, and what it used. Raises Malformed."""
        return answer_reader.measure(body)

    def reader(self) -> StreamReader:
        """Return what reads a stream."""
        return GeminiStreamReader()

    def read_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
        """Classify an answer with an error status. Never raises."""
        return failures.read_failure(status, headers, body)
