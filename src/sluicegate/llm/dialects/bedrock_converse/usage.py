"""Tokens and reasons to stop, in Converse's words and in ours.

Source: shapes TokenUsage and StopReason of botocore's bedrock-runtime model. `inputTokens` are
those that are neither read from nor written to the cache (Bedrock user guide, "Prompt caching").
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from sluicegate.llm import canonical
from sluicegate.llm.failure import Malformed
from sluicegate.llm.usage_beside import UsageBeside, beside, with_beside

STOPS: Final[dict[str, canonical.StopReason]] = {
    "end_turn": "end",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "model_context_window_exceeded": "length",
}
WORDS: Final[dict[canonical.StopReason, str]] = {
    "end": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "content_filter": "content_filtered",
    "refusal": "content_filtered",
    "pause": "end_turn",
}
BROKEN: Final = frozenset({"malformed_model_output", "malformed_tool_use"})
"""Bedrock says itself that the answer is none."""

WORDLESS: Final = ("reasoning", "audio_input", "audio_output", "image_input", "image_output")
"""Tokens that Converse does not count."""


class ServedTier(Struct, frozen=True):
    """Which service tier it was (shape ServiceTier)."""

    type: str = ""


class CacheDetail(Struct, frozen=True, rename="camel"):
    """Tokens written for one lifetime."""

    ttl: str = ""
    input_tokens: int = 0


class TokenUsage(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """As on the wire."""

    input_tokens: int
    output_tokens: int
    total_tokens: int = -1
    cache_read_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    cache_details: list[CacheDetail] = []
    sluicegate: UsageBeside | None = None


def read_usage(usage: TokenUsage, tier: ServedTier | None) -> canonical.Usage:
    """Return the tokens; their `input` holds what the cache has read and written.

    `tier` stands beside them.
    """
    cached, written = usage.cache_read_input_tokens, usage.cache_write_input_tokens
    read = canonical.Usage(
        input=usage.input_tokens + cached + written,
        output=usage.output_tokens,
        cached=cached,
        cache_write=written,
        cache_write_1h=sum(one.input_tokens for one in usage.cache_details if one.ttl == "1h"),
        tier="" if tier is None else tier.type,
    )
    return with_beside(read, usage.sluicegate)


def write_usage(usage: canonical.Usage | None) -> TokenUsage:
    """Return them as Converse counts."""
    if usage is None:
        return TokenUsage(0, 0, 0)
    details = []
    if usage.cache_write_1h:
        details = [CacheDetail("1h", usage.cache_write_1h)]
        short = usage.cache_write - usage.cache_write_1h
        if short:
            details.append(CacheDetail("5m", short))
    return TokenUsage(
        input_tokens=max(0, usage.input - usage.cached - usage.cache_write),
        output_tokens=usage.output,
        total_tokens=usage.total,
        cache_read_input_tokens=usage.cached,
        cache_write_input_tokens=usage.cache_write,
        cache_details=details,
        sluicegate=beside(usage, *WORDLESS),
    )


def read_stop(word: str, sequence: str | None) -> canonical.Stop:
    """Return why it stopped; `detail` where our word says less. Raises Malformed: BROKEN."""
    if word in BROKEN:
        raise Malformed("the model's output is malformed, as Bedrock says")
    reason = STOPS.get(word, "end")
    detail = "" if WORDS[reason] == word else word
    return canonical.Stop(reason=reason, sequence=sequence, detail=detail)


def write_stop(stop: canonical.Stop) -> str:
    """Return Converse's word, which is the detail where that is one."""
    if STOPS.get(stop.detail) == stop.reason:
        return stop.detail
    return WORDS[stop.reason]
