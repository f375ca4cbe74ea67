"""Words of this dialect for fields, and for why an answer ended (types.py, `FinishReason`)."""

from __future__ import annotations

from typing import Final

from sluicegate.llm.canonical import Stop

FIELDS: Final = {
    "messages": "contents",
    "tools": "tools",
    "tool_choice": "toolConfig.functionCallingConfig",
    "max_tokens": "generationConfig.maxOutputTokens",
    "temperature": "generationConfig.temperature",
    "top_p": "generationConfig.topP",
    "top_k": "generationConfig.topK",
    "stop": "generationConfig.stopSequences",
    "seed": "generationConfig.seed",
    "frequency_penalty": "generationConfig.frequencyPenalty",
    "presence_penalty": "generationConfig.presencePenalty",
    "logprobs": "generationConfig.responseLogprobs",
    "top_logprobs": "generationConfig.logprobs",
    "n": "generationConfig.candidateCount",
    "format": "generationConfig.responseMimeType",
    "reasoning": "generationConfig.thinkingConfig",
    "service_tier": "serviceTier",
    "store": "store",
}
"""What it calls fields of `canonical.Request`."""
UNSPECIFIED: Final = frozenset({"", "FINISH_REASON_UNSPECIFIED"})
FILTERED: Final = frozenset(
    {
        "BLOCKLIST",
        "IMAGE_OTHER",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "IMAGE_SAFETY",
        "LANGUAGE",
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "MODEL_ARMOR",
        "NO_IMAGE",
        "OTHER",
        "PROHIBITED_CONTENT",
        "RECITATION",
        "SAFETY",
        "SPII",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    }
)
"""Ends that are none of the model's own: what is there is not to be taken for a whole answer."""


def read_stop(word: str, *, calls: bool) -> Stop:
    """Return why an answer ended; `calls`: it calls tools. Unknown words are no good end."""
    match word:
        case "STOP":
            return Stop(reason="tool_calls" if calls else "end")
        case "MAX_TOKENS":
            return Stop(reason="length")
        case "CONTINUATION":
            return Stop(reason="pause", detail=word)
        case _:
            return Stop(reason="content_filter", detail=word)


def write_stop(stop: Stop) -> str:
    """Return `finishReason`."""
    match stop.reason:
        case "end" | "tool_calls" | "stop_sequence":
            return "STOP"
        case "length":
            return "MAX_TOKENS"
        case "content_filter":
            return stop.detail if stop.detail in FILTERED else "SAFETY"
        case "refusal":
            return "SAFETY"
        case "pause":
            return "OTHER"


def says_all(stop: Stop) -> bool:
    """Whether `finishReason` (and the parts) say all of it."""
    if stop.sequence is not None or stop.reason in {"stop_sequence", "refusal", "pause"}:
        return False
    return not stop.detail or stop.detail == write_stop(stop)
