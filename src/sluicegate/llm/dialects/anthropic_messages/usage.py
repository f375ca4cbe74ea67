"""Tokens as the Messages API counts them: `input_tokens` are those that no cache had a part in.

Source: anthropic-sdk-python `types/usage.py` (all input is the sum of `input_tokens`,
`cache_creation_input_tokens` and `cache_read_input_tokens`), `types/message_delta_usage.py`: the
counts of a `message_delta` are cumulative, and absent where unchanged. `speed` stands beside them,
and is what changes the price; `service_tier` only says of which capacity they were.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, to_builtins

from sluicegate.llm.canonical import Usage
from sluicegate.llm.tiers import FAST
from sluicegate.llm.usage_beside import UsageBeside, beside, with_beside

WORDLESS: Final = ("audio_input", "audio_output", "image_input", "image_output")
"""Tokens that this API does not count."""


class CacheCreation(Struct):
    """What was written to the cache, by how long it is kept."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(Struct):
    """Of the output."""

    thinking_tokens: int | None = None


class UsageIn(Struct):
    """The counts of an answer, or of a stream so far."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = None
    speed: str | None = None
    sluicegate: UsageBeside | None = None

    def over(self, before: UsageIn) -> UsageIn:
        """Return these counts, and those of `before` where there are none here."""
        merged = UsageIn()
        for name in self.__struct_fields__:
            later = getattr(self, name)
            setattr(merged, name, getattr(before, name) if later is None else later)
        return merged


def usage_of(counts: UsageIn) -> Usage:
    """Return the canonical form."""
    cached = counts.cache_read_input_tokens or 0
    written = counts.cache_creation_input_tokens or 0
    kept = counts.cache_creation
    details = counts.output_tokens_details
    usage = Usage(
        input=(counts.input_tokens or 0) + cached + written,
        output=counts.output_tokens or 0,
        cached=cached,
        cache_write=written,
        cache_write_1h=(kept.ephemeral_1h_input_tokens or 0) if kept is not None else 0,
        reasoning=(details.thinking_tokens or 0) if details is not None else 0,
        tier=(FAST if counts.speed == FAST else counts.service_tier) or "",
    )
    return with_beside(usage, counts.sluicegate)


def counts_of(usage: Usage | None) -> dict[str, Any]:
    """Write what was used; zeros where nobody said."""
    usage = usage or Usage()
    counts: dict[str, Any] = {
        "input_tokens": max(0, usage.input - usage.cached - usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }
    if usage.cache_write:
        counts["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write - usage.cache_write_1h,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.tier == FAST:
        counts["speed"] = FAST
    said = beside(usage, *WORDLESS)
    if said is not None:
        counts["sluicegate"] = to_builtins(said)
    return counts
