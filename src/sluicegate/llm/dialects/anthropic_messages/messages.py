"""The dialect of Anthropic's Messages API, `POST /v1/messages`.

Sources: anthropic-sdk-python 2.12 (`types/`, `lib/streaming/`, `_exceptions.py`) and
platform.claude.com (versions, errors, streaming, adaptive thinking); each module names its own.
What the API has no words for stands in an object `sluicegate` beside its words (`extension`).
Sampling parameters, which API version 2026-10-21 took away, are read and written as version
2023-06-01 has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.llm.dialects.anthropic_messages import answer as answers
from sluicegate.llm.dialects.anthropic_messages import errors
from sluicegate.llm.dialects.anthropic_messages.extension import FAMILY, NAME
from sluicegate.llm.dialects.anthropic_messages.request_reader import read_call
from sluicegate.llm.dialects.anthropic_messages.request_writer import write_call
from sluicegate.llm.dialects.anthropic_messages.stream_reader import MessagesReader
from sluicegate.llm.dialects.anthropic_messages.stream_writer import MessagesWriter
from sluicegate.llm.framing.sse import SseFraming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluicegate.llm.canonical import Answer, Request, Usage
    from sluicegate.llm.dialect import Framing, Incoming, Outgoing, StreamReader, StreamWriter
    from sluicegate.llm.failure import Failure
    from sluicegate.llm.losses import Losses

NAMES: Final = {
    "stop": "stop_sequences",
    "format": "output_config.format",
    "reasoning": "thinking",
    "parallel_tools": "tool_choice.disable_parallel_tool_use",
    "user": "metadata.user_id",
}


class AnthropicMessages:
    """See `Dialect`."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """Its name."""
        return NAME

    @property
    def family(self) -> str:
        """Whose signatures stand in it as they are."""
        return FAMILY

    @property
    def names(self) -> Mapping[str, str]:
        """What it calls fields of a request."""
        return NAMES

    @property
    def stream_type(self) -> bytes:
        """The media type of its streams."""
        return b"text/event-stream"

    def framing(self) -> Framing:
        """Return what cuts a stream."""
        return SseFraming()

    def read_request(self, incoming: Incoming, *, drop: bool = False) -> tuple[Request, list[str]]:
        """Read a call. Raises CallError."""
        return read_call(incoming.body, drop=drop)

    def write_answer(self, answer: Answer, request: Request) -> bytes:  # noqa: ARG002 - contract
        """Write a whole answer."""
        return answers.write_answer(answer)

    def writer(self, request: Request) -> StreamWriter:  # noqa: ARG002 - contract
        """Return what writes a stream."""
        return MessagesWriter()

    def write_failure(self, failure: Failure, request_id: str) -> bytes:
        """Write the body of an error."""
        return errors.write_failure(failure, request_id)

    def write_request(self, request: Request, losses: Losses) -> Outgoing:
        """Write a call."""
        return write_call(request, losses)

    def read_answer(self, body: bytes) -> Answer:
        """Read a whole answer. Raises Malformed."""
        return answers.read_answer(body)

    def measure(self, body: bytes) -> Usage | None:
        """Look whether a body is a whole answer, and what it used. Raises Malformed."""
        return answers.measure(body)

    def reader(self) -> StreamReader:
        """Return what reads a stream."""
        return MessagesReader()

    def read_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
        """Classify an answer with an error status. Never raises."""
        return errors.read_failure(status, headers, body)


DIALECT: Final = AnthropicMessages()
