"""Why a choice ended: `finish_reason`, and what it has no words for.

The five words are those of types/chat/chat_completion.py. Others are their vendors': `model_length`
and `error` of Mistral (mistralai/models), `eos`, `eos_token` and `stop_sequence` of Together and
Hugging Face, `insufficient_system_resource` of DeepSeek (api-docs.deepseek.com), `error` of
OpenRouter. The latter two say that the answer is not whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from sluicegate.llm.canonical import Part, Stop, StopReason, ToolCall
from sluicegate.llm.failure import Malformed

if TYPE_CHECKING:
    from sluicegate.llm.dialects.openai_chat.answer_shape import ChoiceExtension

READ: Final[dict[str, StopReason]] = {
    "stop": "end",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    "model_length": "length",
    "eos": "end",
    "eos_token": "end",
    "stop_sequence": "stop_sequence",
}
WRITTEN: Final[dict[StopReason, str]] = {
    "end": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "stop_sequence": "stop",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
}
BROKEN: Final = frozenset({"error", "insufficient_system_resource"})
REASONS: Final = frozenset(get_args(StopReason))


def stop_of(word: str | None, extension: ChoiceExtension | None, *, called: bool) -> Stop:
    """Read why a choice ended. Raises Malformed: it broke off.

    `called`: it holds calls of tools. OpenAI itself says `stop` where a named tool was asked for.
    """
    if word in BROKEN:
        raise Malformed("the provider broke the answer off")
    if extension is not None and extension.stop is not None and extension.stop.reason in REASONS:
        said = extension.stop
        return Stop(
            reason=cast("StopReason", said.reason), sequence=said.sequence, detail=said.detail
        )
    reason = READ.get(word or "", "end")
    if reason == "end" and called:
        reason = "tool_calls"
    return Stop(reason=reason, detail="" if word is None or word in READ else word)


def has_calls(parts: Iterable[Part]) -> bool:
    """Say whether tools are called."""
    return any(isinstance(part, ToolCall) for part in parts)


def extension_of(stop: Stop) -> dict[str, Any] | None:
    """Return what `finish_reason` does not say of a stop, as `sluicegate` of the choice."""
    plain = READ[WRITTEN[stop.reason]] == stop.reason
    if plain and stop.sequence is None and not stop.detail:
        return None
    said: dict[str, Any] = {"reason": stop.reason}
    if stop.sequence is not None:
        said["sequence"] = stop.sequence
    if stop.detail:
        said["detail"] = stop.detail
    return {"stop": said}
