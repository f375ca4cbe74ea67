"""The dialect as one object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.dialects.openai_chat import (
    answer_reader,
    answer_writer,
    failures,
    request_reader,
    request_writer,
)
from sluicegate.llm.dialects.openai_chat.stream_reader import ChatStreamReader
from sluicegate.llm.dialects.openai_chat.stream_writer import ChatStreamWriter
from sluicegate.llm.framing.sse import SseFraming

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Answer, Request, Usage
    from sluicegate.llm.dialect import Framing, Incoming, StreamReader, StreamWriter
    from sluicegate.llm.failure import Failure
    from sluicegate.llm.losses import Losses

NAMES: Final = {
    "parallel_tools": "parallel_tool_calls",
    "max_tokens": "max_completion_tokens",
    "format": "response_format",
    "reasoning": "reasoning_effort",
    "cache_key": "prompt_cache_key",
    "stream_usage": "stream_options.include_usage",
}


class OpenaiChat:
    """Chat completions."""

    name = "openai_chat"
    family = ""
    names: Mapping[str, str] = NAMES
    stream_type = b"text/event-stream"

    def framing(self) -> Framing:
        """Return what cuts a provider's stream."""
        return SseFraming()

    def read_request(self, incoming: Incoming, *, drop: bool = False) -> tuple[Request, list[str]]:
        """Read a call, and the unknown fields that were dropped. Raises CallError."""
        return request_reader.read(incoming.body, drop=drop)

    def write_answer(self, answer: Answer, request: Request) -> bytes:  # noqa: ARG002 - of a contract
        """Write a whole answer."""
        return answer_writer.write(answer)

    def writer(self, request: Request) -> StreamWriter:
        """Return what writes a stream."""
        return ChatStreamWriter(request)

    def write_failure(self, failure: Failure, request_id: str) -> bytes:
        """Write the body of an error."""
        return failures.write_failure(failure, request_id)

    def write_request(self, request: Request, losses: Losses) -> Outgoing:
        """Write a call; tell `losses` what is not in it."""
        return Outgoing(request_writer.write(request, losses))

    def read_answer(self, body: bytes) -> Answer:
        """Read a whole answer. Raises Malformed."""
        return answer_reader.read(body)

    def measure(self, body: bytes) -> Usage | None:
        """Look whether a body is a whole answer, and what it used. Raises Malformed."""
        return answer_reader.measure(body)

    def reader(self) -> StreamReader:
        """Return what reads a stream."""
        return ChatStreamReader()

    def read_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
        """Classify an answer with an error status. Never raises."""
        return failures.read_failure(status, headers, body)


DIALECT: Final = OpenaiChat()
