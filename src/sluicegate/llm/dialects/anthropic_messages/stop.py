"""Why an answer ended.

Source: anthropic-sdk-python `types/stop_reason.py`, `types/refusal_stop_details.py`. `refusal`
comes with a category and an explanation, which are `Stop.detail` as `category: explanation`. A
reason that is not known here is an end, with the reason as its detail.
"""

from __future__ import annotations

from typing import Any, Final

from sluicegate.llm.canonical import Stop, StopReason

READ: Final[dict[str, StopReason]] = {
    "end_turn": "end",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "refusal",
}
WRITTEN: Final[dict[StopReason, str]] = {
    "end": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_calls": "tool_use",
    "pause": "pause_turn",
    "refusal": "refusal",
    "content_filter": "refusal",
}
CATEGORIES: Final = frozenset(
    {"cyber", "bio", "frontier_llm", "reasoning_extraction", "general_harms"}
)
WINDOW: Final = "model_context_window_exceeded"


def stop_of(reason: str, sequence: str | None, details: dict[str, Any] | None) -> Stop:
    """Read the fields `stop_reason`, `stop_sequence` and `stop_details`."""
    known = READ.get(reason)
    if known is None:
        return Stop(reason="end", sequence=sequence, detail=reason)
    detail = WINDOW if reason == WINDOW else ""
    if details is not None:
        said = (details.get("category"), details.get("explanation"))
        detail = ": ".join(word for word in said if isinstance(word, str) and word)
    return Stop(reason=known, sequence=sequence, detail=detail)


def fields_of(stop: Stop) -> dict[str, Any]:
    """Write those fields."""
    reason, detail = WRITTEN[stop.reason], stop.detail
    details = None
    if stop.reason == "length" and detail == WINDOW:
        reason = WINDOW
    elif reason == "refusal":
        details = _details(detail)
    return {"stop_reason": reason, "stop_sequence": stop.sequence, "stop_details": details}


def unsaid(stop: Stop) -> str:
    """Return the part of a stop that those fields do not hold."""
    said = WRITTEN[stop.reason] == "refusal" or stop.detail == WINDOW
    return "" if said else stop.detail


def _details(detail: str) -> dict[str, Any]:
    category, _, explanation = detail.partition(": ")
    if category not in CATEGORIES:
        category, explanation = "", detail
    return {
        "type": "refusal",
        "category": category or None,
        "explanation": explanation or None,
    }
