"""The dialect of Anthropic's token counting, `POST /v1/messages/count_tokens`.

Source: anthropic-sdk-python 2.12, `types/message_count_tokens_params.py` (a call of the Messages
API without what is about its answer) and `types/message_tokens_count.py`. There are no streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from sluicegate.llm.counting import count_of, counted
from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.dialects.anthropic_messages import DIALECT as MESSAGES
from sluicegate.llm.dialects.anthropic_messages.extension import FAMILY
from sluicegate.llm.dialects.anthropic_messages.messages import NAMES
from sluicegate.llm.dialects.anthropic_messages.request_reader import read_call
from sluicegate.llm.failure import Malformed
from sluicegate.llm.untranslated import Untranslated

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Answer, Request, Usage
    from sluicegate.llm.dialect import Framing, Incoming, StreamReader, StreamWriter
    from sluicegate.llm.failure import Failure
    from sluicegate.llm.losses import Losses

NOT_A_COUNT: Final = "the answer is not a count of tokens"


class Count(Struct):
    """An answer."""

    input_tokens: int


COUNTED: Final = frozenset(
    {
        "cache_control",
        "messages",
        "model",
        "output_config",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    }
)
"""Members that a call for counting has too."""
COUNT: Final = msgspec.json.Decoder(Count)


class AnthropicCountTokens(Untranslated):
    """See `Dialect`; errors are told as those of the Messages API."""

    name = "anthropic_count_tokens"
    family = FAMILY
    names: Mapping[str, str] = NAMES
    stream_type = b"text/event-stream"

    def framing(self) -> Framing:
        """Return what would cut a stream."""
        return MESSAGES.framing()

    def read_request(self, incoming: Incoming, *, drop: bool = False) -> tuple[Request, list[str]]:
        """Read whose tokens are to be counted. Raises CallError."""
        return read_call(incoming.body, drop=drop, counting=True)

    def write_request(self, request: Request, losses: Losses) -> Outgoing:
        """Write whose tokens are to be counted: a call without what is about its answer."""
        written = MESSAGES.write_request(request, losses)
        fields = msgspec.json.decode(written.body, type=dict[str, msgspec.Raw])
        counted = {name: raw for name, raw in fields.items() if name in COUNTED}
        return Outgoing(msgspec.json.encode(counted), written.headers)

    def read_answer(self, body: bytes) -> Answer:
        """Read a count. Raises Malformed."""
        return counted(_count(body))

    def write_answer(self, answer: Answer, request: Request) -> bytes:  # noqa: ARG002 - contract
        """Write a count."""
        return msgspec.json.encode(Count(count_of(answer)))

    def writer(self, request: Request) -> StreamWriter:
        """Return what would write a stream: only its error can happen."""
        return MESSAGES.writer(request)

    def write_failure(self, failure: Failure, request_id: str) -> bytes:
        """Write the body of an error."""
        return MESSAGES.write_failure(failure, request_id)

    def measure(self, body: bytes) -> Usage | None:
        """Look whether a body is a count; nothing was used for it. Raises Malformed."""
        _count(body)
        return None

    def reader(self) -> StreamReader:
        """Return what would read a stream."""
        return MESSAGES.reader()

    def read_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
        """Classify an answer with an error status. Never raises."""
        return MESSAGES.read_failure(status, headers, body)


def _count(body: bytes) -> int:
    try:
        return COUNT.decode(body).input_tokens
    except (ValueError, RecursionError):
        raise Malformed(NOT_A_COUNT) from None


DIALECT: Final = AnthropicCountTokens()
