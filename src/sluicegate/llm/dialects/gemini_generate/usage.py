"""`usageMetadata` (types.py, `GenerateContentResponseUsageMetadata`).

Thoughts are counted apart from the candidates' tokens, and what tools of Google's put into the
prompt apart from the prompt's. `trafficType` (Vertex AI) says which service tier it was, and
`serviceTier` in answers of the Live API (types.py, `UsageMetadata`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sluicegate.llm.canonical import Usage
from sluicegate.llm.tiers import TRAFFIC

if TYPE_CHECKING:
    from sluicegate.llm.dialects.gemini_generate.wire import Beside, ModalityTokens, UsageMetadata

NAMES: Final = ("cache_write", "cache_write_1h")
"""Tokens that there is no field for."""


def read_usage(said: UsageMetadata, beside: Beside | None = None) -> Usage:
    """Return the tokens of an answer; `beside` where another gateway wrote it."""
    reasoning = said.thoughts_token_count or 0
    usage = Usage(
        input=(said.prompt_token_count or 0) + (said.tool_use_prompt_token_count or 0),
        output=(said.candidates_token_count or 0) + reasoning,
        cached=said.cached_content_token_count or 0,
        reasoning=reasoning,
        tier=_tier(said),
    )
    if said.prompt_tokens_details:
        usage.audio_input = _of("AUDIO", said.prompt_tokens_details)
        usage.image_input = _of("IMAGE", said.prompt_tokens_details)
    if said.tool_use_prompt_tokens_details:
        usage.audio_input += _of("AUDIO", said.tool_use_prompt_tokens_details)
        usage.image_input += _of("IMAGE", said.tool_use_prompt_tokens_details)
    if said.candidates_tokens_details:
        usage.audio_output = _of("AUDIO", said.candidates_tokens_details)
        usage.image_output = _of("IMAGE", said.candidates_tokens_details)
    if beside is not None:
        usage.tier = usage.tier or beside.service_tier
        if beside.usage is not None:
            usage.cache_write = beside.usage.cache_write
            usage.cache_write_1h = beside.usage.cache_write_1h
    return usage


def _tier(said: UsageMetadata) -> str:
    if said.traffic_type:
        return TRAFFIC.get(said.traffic_type.upper(), "")
    return (said.service_tier or "").lower()


def _of(modality: str, details: list[ModalityTokens]) -> int:
    return sum(one.token_count for one in details if one.modality == modality)


def write_usage(usage: Usage) -> dict[str, Any]:
    """Return `usageMetadata`; zeros are left out, as by the vendor."""
    said: dict[str, Any] = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": max(0, usage.output - usage.reasoning),
        "totalTokenCount": usage.total,
    }
    if usage.cached:
        said["cachedContentTokenCount"] = usage.cached
    if usage.reasoning:
        said["thoughtsTokenCount"] = usage.reasoning
    if usage.audio_input or usage.image_input:
        said["promptTokensDetails"] = _details(usage.input, usage.audio_input, usage.image_input)
    if usage.audio_output or usage.image_output:
        made = said["candidatesTokenCount"]
        said["candidatesTokensDetails"] = _details(made, usage.audio_output, usage.image_output)
    return said


def _details(whole: int, audio: int, image: int) -> list[dict[str, Any]]:
    by_modality = {"TEXT": max(0, whole - audio - image), "AUDIO": audio, "IMAGE": image}
    return [{"modality": name, "tokenCount": count} for name, count in by_modality.items() if count]


def usage_beside(usage: Usage) -> dict[str, Any]:
    """Return the tokens that `usageMetadata` has no field for."""
    return {name: value for name in NAMES if (value := getattr(usage, name))}
