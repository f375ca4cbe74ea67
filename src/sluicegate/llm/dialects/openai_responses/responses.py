"""The dialect `openai_responses`: each of its halves is a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.dialects.openai_responses.answer_reader import measure, read_answer
from sluicegate.llm.dialects.openai_responses.answer_writer import write_answer
from sluicegate.llm.dialects.openai_responses.call_reader import read_call
from sluicegate.llm.dialects.openai_responses.call_writer import write_call
from sluicegate.llm.dialects.openai_responses.failures import read_failure, write_failure
from sluicegate.llm.dialects.openai_responses.stream_reader import ResponsesReader
from sluicegate.llm.dialects.openai_responses.stream_writer import ResponsesWriter
from sluicegate.llm.framing.sse import SseFraming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluicegate.llm.canonical import Answer, Request, Usage
    from sluicegate.llm.dialect import Dialect, Incoming
    from sluicegate.llm.failure import Failure
    from sluicegate.llm.losses import Losses


class OpenaiResponses:
    """The methods are those of `llm.dialect.Dialect`, which says what each does."""

    name: Final = "openai_responses"
    family: Final = "openai"
    stream_type: Final = b"text/event-stream"
    names: Final[Mapping[str, str]] = {
        "messages": "input",
        "max_tokens": "max_output_tokens",
        "format": "text.format",
        "verbosity": "text.verbosity",
        "cache_key": "prompt_cache_key",
        "parallel_tools": "parallel_tool_calls",
        "logprobs": "include",
    }

    def framing(self) -> SseFraming:
        """Return what cuts a stream."""
        return SseFraming()

    def read_request(self, incoming: Incoming, *, drop: bool = False) -> tuple[Request, list[str]]:
        """Read a call. Raises CallError."""
        return read_call(incoming.body, drop=drop)

    def write_answer(self, answer: Answer, request: Request) -> bytes:
        """Write a whole answer."""
        return write_answer(answer, request)

    def writer(self, request: Request) -> ResponsesWriter:
        """Return what writes a stream."""
        return ResponsesWriter(request)

    def write_failure(self, failure: Failure, request_id: str) -> bytes:  # noqa: ARG002 - it stands in a header
        """Write the body of an error."""
        return write_failure(failure)

    def write_request(self, request: Request, losses: Losses) -> Outgoing:
        """Write a call."""
        return Outgoing(write_call(request, losses))

    def read_answer(self, body: bytes) -> Answer:
        """Read a whole answer. Raises Malformed."""
        return read_answer(body)

    def measure(self, body: bytes) -> Usage | None:
        """Return what a whole answer used. Raises Malformed."""
        return measure(body)

    def reader(self) -> ResponsesReader:
        """Return what reads a stream."""
        return ResponsesReader()

    def read_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
        """Classify an error. Never raises."""
        return read_failure(status, headers, body)


DIALECT: Final[Dialect] = OpenaiResponses()
