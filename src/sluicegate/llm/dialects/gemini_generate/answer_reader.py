"""A provider's whole answer to the canonical form; see the package for what becomes of the rest.

Calls without an id get one from the answer's, so that it is another one in each turn. A blocked
prompt has no candidates: it is one choice without parts (types.py,
`GenerateContentResponsePromptFeedback`). `created` is 0 in the Gemini API, which does not tell.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Answer,
    Choice,
    Logprob,
    Opaque,
    Part,
    Stop,
    Text,
    ToolCall,
    TopLogprob,
    Usage,
)
from sluicegate.llm.dialects.gemini_generate import wire
from sluicegate.llm.dialects.gemini_generate.contents_reader import append_said
from sluicegate.llm.dialects.gemini_generate.signatures import signature_of, thinking_of
from sluicegate.llm.dialects.gemini_generate.spelling import camel
from sluicegate.llm.dialects.gemini_generate.usage import read_usage
from sluicegate.llm.dialects.gemini_generate.words import UNSPECIFIED, read_stop
from sluicegate.llm.failure import Malformed

NAME: Final = "gemini_generate"
DECODER: Final = msgspec.json.Decoder(wire.Answer)
ODD: Final = re.compile(r"[^A-Za-z0-9_-]")
ID_CHARACTERS: Final = 24
"""Of an answer's id in that of a call, so that it stays below 40 characters, OpenAI's limit."""
BESIDE: Final = (
    "safety_ratings",
    "avg_logprobs",
    "finish_message",
    "url_context_metadata",
    "continuation_token",
)


class Measured(msgspec.Struct, rename="camel"):
    """What tells a whole answer."""

    candidates: list[msgspec.Raw] | None = None
    prompt_feedback: wire.PromptFeedback | None = None
    usage_metadata: wire.UsageMetadata | None = None
    sluicegate: wire.Beside | None = None


MEASURED: Final = msgspec.json.Decoder(Measured)


def measure(body: bytes) -> Usage | None:
    """Return what a whole answer used. Raises Malformed: it is none."""
    try:
        read = MEASURED.decode(body)
    except (ValueError, RecursionError):
        raise Malformed("an answer that is not one of generateContent") from None
    if not read.candidates and read.prompt_feedback is None:
        raise Malformed("an answer without candidates")
    return read_usage(read.usage_metadata, read.sluicegate) if read.usage_metadata else None


def read_answer(body: bytes) -> Answer:
    """Read a whole answer. Raises Malformed."""
    try:
        read = DECODER.decode(body)
    except (ValueError, RecursionError):
        raise Malformed("an answer that is not one of generateContent") from None
    extras: dict[str, Any] = {}
    plain = PlainParts(body)
    choices = [
        _choice(candidate, place, read, plain, extras)
        for place, candidate in enumerate(read.candidates or [])
    ]
    blocked = block_of(read)
    if not choices and blocked is not None:
        choices = [Choice(index=0, parts=[], stop=blocked)]
    if not choices:
        raise Malformed("an answer without candidates")
    return Answer(
        id=read.response_id,
        model=read.model_version,
        created=created_of(read),
        choices=choices,
        usage=read_usage(read.usage_metadata, read.sluicegate) if read.usage_metadata else None,
        extras=extras,
    )


def _choice(
    candidate: wire.Candidate,
    place: int,
    answer: wire.Answer,
    plain: PlainParts,
    extras: dict[str, Any],
) -> Choice:
    parts: list[Part] = []
    calls = 0
    said = candidate.content.parts if candidate.content is not None else None
    for at, part in enumerate(said or []):
        if part.function_call is not None and part.function_call.name:
            parts.append(call_of(part, answer.response_id, candidate.index, calls))
            calls += 1
        elif part.text is not None and part.thought:
            append_said(parts, thinking_of(part.text, part.thought_signature))
        elif part.text is not None:
            signature = signature_of(part.thought_signature) if part.thought_signature else None
            if part.text or signature:
                append_said(parts, Text(text=part.text, signature=signature))
        else:
            parts.append(plain.part(place, at))
    _cite(parts, citations_of(candidate))
    for name in BESIDE:
        value = getattr(candidate, name)
        if value is not None and value != []:
            extras[f"candidates[{place}].{camel(name)}"] = value
    word = candidate.finish_reason or ""
    if word in UNSPECIFIED:
        raise Malformed("an answer that has not ended")
    stop = read_stop(word, calls=bool(calls))
    tokens = logprobs_of(candidate.logprobs_result)
    return Choice(index=candidate.index, parts=parts, stop=stop, logprobs=tokens)


def _cite(parts: list[Part], citations: list[dict[str, Any]]) -> None:
    """Put a candidate's citations to its last text."""
    if not citations:
        return
    texts = [part for part in parts if isinstance(part, Text)]
    if not texts:
        texts = [Text(text="")]
        parts.append(texts[0])
    texts[-1].citations = citations


class PlainParts:
    """The parts of an answer that have no form of their own here, as plain data."""

    def __init__(self, body: bytes) -> None:
        """Look at nothing yet: such parts are rare."""
        self._body = body
        self._plain: Any = None

    def part(self, place: int, at: int) -> Opaque:
        """Return a part of a candidate by its place in the list."""
        if self._plain is None:
            try:
                self._plain = msgspec.json.decode(self._body)
            except (ValueError, RecursionError):  # in what a typed decoder skips
                raise Malformed("an answer that is not JSON") from None
        raw = self._plain["candidates"][place]["content"]["parts"][at]
        return Opaque(dialect=NAME, raw=raw)


def call_of(part: wire.SaidPart, answer: str, index: int, count: int) -> ToolCall:
    """Return the call that a part is: the `count`-th of candidate `index`."""
    call = part.function_call
    if call is None:
        raise Malformed("a part that is no call")
    own = "_".join(filter(None, (ODD.sub("-", answer)[-ID_CHARACTERS:], str(index or ""))))
    identity = call.id or (f"call_{own}_{count}" if own else f"call_{count}")
    return ToolCall(
        id=identity,
        name=call.name,
        arguments=msgspec.json.encode(call.args or {}).decode(),
        signature=signature_of(part.thought_signature) if part.thought_signature else None,
    )


def citations_of(candidate: wire.Candidate) -> list[dict[str, Any]]:
    """Return the sources of a candidate, and what a search of Google's found."""
    found: list[dict[str, Any]] = []
    said = candidate.citation_metadata
    if said is not None:
        found += said.citation_sources or said.citations or []
    if candidate.grounding_metadata:
        found.append({"groundingMetadata": candidate.grounding_metadata})
    return found


def logprobs_of(said: wire.LogprobsResult | None) -> list[Logprob] | None:
    """Return the probabilities of a candidate's tokens."""
    if said is None or said.chosen_candidates is None:
        return None
    tops = said.top_candidates or []
    tokens: list[Logprob] = []
    for at, token in enumerate(said.chosen_candidates):
        others = tops[at].candidates or [] if at < len(tops) else []
        tokens.append(
            Logprob(
                token=token.token,
                logprob=token.log_probability,
                top_logprobs=[
                    TopLogprob(token=other.token, logprob=other.log_probability) for other in others
                ],
            )
        )
    return tokens


def block_of(answer: wire.Answer | wire.Chunk) -> Stop | None:
    """Return how a blocked prompt ends its answer; None where it was not blocked."""
    feedback = answer.prompt_feedback
    if feedback is None or not feedback.block_reason:
        return None
    return Stop(reason="content_filter", detail=feedback.block_reason)


def created_of(answer: wire.Answer | wire.Chunk) -> int:
    """Return when an answer was made, in seconds since 1970; 0 where it does not say."""
    if not answer.create_time:
        return 0
    try:
        return int(datetime.fromisoformat(answer.create_time).timestamp())
    except ValueError:
        return 0
