"""Google's `:countTokens`: how many tokens a call would be.

Source: python-genai 3.4.0, `models.py` (`_CountTokensParameters_to_mldev`, `…_to_vertex`: the
Gemini API takes `contents`, or all of a call as `generateContentRequest`; Vertex AI takes its
fields beside `contents`) and `types.py` (`CountTokensResponse`). It does not stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate.llm.counting import count_of, counted
from sluicegate.llm.dialect import Incoming, Outgoing
from sluicegate.llm.dialects.gemini_generate import DIALECT as GENERATE
from sluicegate.llm.dialects.gemini_generate import request_writer, wire
from sluicegate.llm.dialects.gemini_generate.request_reader import canonical
from sluicegate.llm.dialects.gemini_generate.spelling import read_spelled
from sluicegate.llm.failure import CallError, Malformed, invalid
from sluicegate.llm.untranslated import Untranslated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluicegate.llm.canonical import Answer, Request, Usage
    from sluicegate.llm.dialect import Framing, StreamReader, StreamWriter
    from sluicegate.llm.failure import Failure
    from sluicegate.llm.losses import Losses


class Counted(msgspec.Struct, rename="camel"):
    """An answer."""

    total_tokens: int
    cached_content_token_count: int | None = None


DECODER: Final = msgspec.json.Decoder(wire.CountRequest)
COUNTED: Final = msgspec.json.Decoder(Counted)
WHOLE: Final = "generateContentRequest"


class GeminiCountTokens(Untranslated):
    """See `Dialect`; errors are told as those of `generateContent`."""

    name = "gemini_count_tokens"
    family = GENERATE.family
    names: Mapping[str, str] = GENERATE.names
    stream_type = GENERATE.stream_type

    def read_request(self, incoming: Incoming, *, drop: bool = False) -> tuple[Request, list[str]]:
        """Read what is to be counted as a call. Raises CallError."""
        read, dropped = read_spelled(DECODER, incoming.body, drop=drop)
        whole = read.generate_content_request
        if whole is not None:
            try:
                return canonical(whole, incoming.model, stream=False), dropped
            except CallError as error:
                field = error.failure.field
                raise invalid(
                    f"{WHOLE}.{field}", error.failure.message.removeprefix(f"`{field}`: ")
                ) from None
        if read.contents is None:
            raise invalid("contents", "missing")
        request = wire.Request(
            contents=read.contents,
            system_instruction=read.system_instruction,
            tools=read.tools,
            generation_config=read.generation_config,
        )
        return canonical(request, incoming.model, stream=False), dropped

    def write_answer(self, answer: Answer, request: Request) -> bytes:  # noqa: ARG002 - contract
        """Write a count."""
        return msgspec.json.encode({"totalTokens": count_of(answer)})

    def read_answer(self, body: bytes) -> Answer:
        """Read a count. Raises Malformed."""
        try:
            return counted(COUNTED.decode(body).total_tokens)
        except (ValueError, RecursionError):
            raise Malformed("an answer that is not one of countTokens") from None

    def write_request(self, request: Request, losses: Losses) -> Outgoing:
        """Write all of a call, as the Gemini API takes it; Vertex AI takes what is in it alone."""
        body = request_writer.plain(request, losses)
        model = request.model if "/" in request.model else f"models/{request.model}"
        return Outgoing(msgspec.json.encode({WHOLE: {"model": model, **body}}))

    def measure(self, body: bytes) -> Usage | None:
        """Look whether a body is an answer; counting uses no tokens. Raises Malformed."""
        self.read_answer(body)
        return None

    def write_failure(self, failure: Failure, request_id: str) -> bytes:
        """Write the body of an error."""
        return GENERATE.write_failure(failure, request_id)

    def read_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
        """Classify an answer with an error status. Never raises."""
        return GENERATE.read_failure(status, headers, body)

    # --- there are no streams ---

    def framing(self) -> Framing:
        """Return what would cut a stream."""
        return GENERATE.framing()

    def writer(self, request: Request) -> StreamWriter:
        """Return what would write a stream: only its error can happen."""
        return GENERATE.writer(request)

    def reader(self) -> StreamReader:
        """Return what would read a stream."""
        return GENERATE.reader()


DIALECT: Final = GeminiCountTokens()
