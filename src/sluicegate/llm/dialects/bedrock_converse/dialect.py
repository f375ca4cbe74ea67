"""The dialect's object: Converse and ConverseStream, both directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from sluicegate.llm.dialects.bedrock_converse import answer, failures, wire
from sluicegate.llm.dialects.bedrock_converse.read_request import FAMILY, read_request
from sluicegate.llm.dialects.bedrock_converse.stream_reader import ConverseReader
from sluicegate.llm.dialects.bedrock_converse.stream_writer import ConverseWriter
from sluicegate.llm.dialects.bedrock_converse.write_request import write_request
from sluicegate.llm.framing.event_stream import EventStreamFraming

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Answer, Request, Usage
    from sluicegate.llm.dialect import Dialect, Incoming, Outgoing
    from sluicegate.llm.failure import Failure
    from sluicegate.llm.losses import Losses

NAMES: Final = {
    "max_tokens": "inferenceConfig.maxTokens",
    "temperature": "inferenceConfig.temperature",
    "top_p": "inferenceConfig.topP",
    "top_k": "additionalModelRequestFields.top_k",
    "stop": "inferenceConfig.stopSequences",
    "tools": "toolConfig.tools",
    "tool_choice": "toolConfig.toolChoice",
    "format": "outputConfig.textFormat",
    "reasoning": "outputConfig.effort",
    "metadata": "requestMetadata",
    "service_tier": "serviceTier",
}


class BedrockConverse:
    """Stateless."""

    __slots__ = ()

    name = wire.NAME
    family = FAMILY
    stream_type = b"application/vnd.amazon.eventstream"

    @property
    def names(self) -> Mapping[str, str]:
        """What it calls fields of the canonical form."""
        return NAMES

    def framing(self) -> EventStreamFraming:
        """Return what cuts a stream."""
        return EventStreamFraming()

    def read_request(self, incoming: Incoming, *, drop: bool = False) -> tuple[Request, list[str]]:
        """Read a call. Raises CallError."""
        return read_request(incoming, drop=drop)

    def write_answer(self, answer_: Answer, request: Request) -> bytes:  # noqa: ARG002 - the contract's
        """Write a whole answer."""
        return answer.write_answer(answer_)

    def writer(self, request: Request) -> ConverseWriter:  # noqa: ARG002 - the contract's
        """Return what writes a stream."""
        return ConverseWriter()

    def write_failure(self, failure: Failure, request_id: str) -> bytes:  # noqa: ARG002 - a header has it
        """Write the body of an error."""
        return failures.write_failure(failure)

    def write_request(self, request: Request, losses: Losses) -> Outgoing:
        """Write a call."""
        return write_request(request, losses)

    def read_answer(self, body: bytes) -> Answer:
        """Read a whole answer. Raises Malformed."""
        return answer.read_answer(body)

    def measure(self, body: bytes) -> Usage | None:
        """Look what an answer used. Raises Malformed."""
        return answer.measure(body)

    def reader(self) -> ConverseReader:
        """Return what reads a stream."""
        return ConverseReader()

    def read_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
        """Classify an error. Never raises."""
        return failures.read_failure(status, headers, body)


DIALECT: Final[Dialect] = BedrockConverse()
