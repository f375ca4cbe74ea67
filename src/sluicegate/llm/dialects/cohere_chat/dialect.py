"""The dialect's object: Cohere's chat, both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.llm.dialects.cohere_chat import answer, failures, wire
from sluicegate.llm.dialects.cohere_chat.read_request import read_request
from sluicegate.llm.dialects.cohere_chat.stream_reader import CohereReader
from sluicegate.llm.dialects.cohere_chat.stream_writer import CohereWriter
from sluicegate.llm.dialects.cohere_chat.write_request import write_request
from sluicegate.llm.framing.sse import SseFraming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluicegate.llm.canonical import Answer, Request, Usage
    from sluicegate.llm.dialect import Dialect, Incoming, Outgoing
    from sluicegate.llm.failure import Failure
    from sluicegate.llm.losses import Losses

NAMES: Final = {
    "top_p": "p",
    "top_k": "k",
    "stop": "stop_sequences",
    "format": "response_format",
    "reasoning": "thinking",
}


class CohereChat:
    """Stateless."""

    __slots__ = ()

    name = wire.NAME
    family = ""
    stream_type = b"text/event-stream"

    @property
    def names(self) -> Mapping[str, str]:
        """What it calls fields of the canonical form."""
        return NAMES

    def framing(self) -> SseFraming:
        """Return what cuts a stream."""
        return SseFraming()

    def read_request(self, incoming: Incoming, *, drop: bool = False) -> tuple[Request, list[str]]:
        """Read a call. Raises CallError."""
        return read_request(incoming, drop=drop)

    def write_answer(self, answer_: Answer, request: Request) -> bytes:  # noqa: ARG002 - the contract's
        """Write a whole answer."""
        return answer.write_answer(answer_)

    def writer(self, request: Request) -> CohereWriter:  # noqa: ARG002 - the contract's
        """Return what writes a stream."""
        return CohereWriter()

    def write_failure(self, failure: Failure, request_id: str) -> bytes:
        """Write the body of an error."""
        return failures.write_failure(failure, request_id)

    def write_request(self, request: Request, losses: Losses) -> Outgoing:
        """Write a call."""
        return write_request(request, losses)

    def read_answer(self, body: bytes) -> Answer:
        """Read a whole answer. Raises Malformed."""
        return answer.read_answer(body)

    def measure(self, body: bytes) -> Usage | None:
        """Look what an answer used. Raises Malformed."""
        return answer.measure(body)

    def reader(self) -> CohereReader:
        """Return what reads a stream."""
        return CohereReader()

    def read_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
        """Classify an error. Never raises."""
        return failures.read_failure(status, headers, body)


DIALECT: Final[Dialect] = CohereChat()
