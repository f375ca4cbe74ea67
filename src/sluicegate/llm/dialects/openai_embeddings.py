"""OpenAI's embeddings (openai-python 3.54, types/embedding*.py, create_embedding_response.py).

Only who speaks it is asked in it: vectors of different models do not compare, so nothing is
translated. There are no streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Raw, Struct, json

from sluicegate.llm.dialects.openai_chat.answer_reader import decoded
from sluicegate.llm.dialects.openai_chat.answer_shape import UsageShape, usage_of
from sluicegate.llm.dialects.openai_completions import OpenaiCompletions
from sluicegate.llm.failure import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.llm.canonical import Event, Usage
    from sluicegate.llm.dialect import Frame, StreamReader


class Measured(Struct):
    """As much of an answer as tells whether it is one."""

    data: list[Raw]
    usage: UsageShape | None = None


MEASURED: Final = json.Decoder(Measured)


class NoStream:
    """Embeddings do not stream: whatever comes is malformed."""

    __slots__ = ()

    def read(self, frame: Frame) -> Sequence[Event]:
        """Take a comment. Raises Malformed of anything else."""
        if frame.data:
            raise Malformed("embeddings do not stream")
        return ()

    def end(self) -> Sequence[Event]:
        """Raise Malformed."""
        raise Malformed("embeddings do not stream")


class OpenaiEmbeddings(OpenaiCompletions):
    """Embeddings. Errors are those of the completions."""

    name = "openai_embeddings"

    def measure(self, body: bytes) -> Usage | None:
        """Look whether a body is a whole answer, and what it used. Raises Malformed."""
        usage = decoded(MEASURED, body).usage
        return None if usage is None else usage_of(usage)

    def reader(self) -> StreamReader:
        """Return what refuses a stream."""
        return NoStream()


DIALECT: Final = OpenaiEmbeddings()
