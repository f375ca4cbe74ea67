"""Tokens and reasons to stop, in Cohere's words and in ours.

Source: cohere 7.3, `types/usage.py`, `types/chat_finish_reason.py`, `types/finish_reason.py` (which
has reasons of earlier versions that hosted models still give). Numbers are floats there.

`billed_units` are what is paid, so they count here; `tokens`, of which `cached_tokens` are a part,
what the model saw, with Cohere's own preamble (types/usage_billed_units.py, types/usage_tokens.py;
genai-prices 0.2.3 takes the former as well). Where only `tokens` are said, they count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, to_builtins

from sluicegate.llm import canonical
from sluicegate.llm.failure import Failure, Malformed
from sluicegate.llm.usage_beside import UsageBeside, beside, with_beside

if TYPE_CHECKING:
    from sluicegate.llm.failure import Kind

STOPS: Final[dict[str, canonical.StopReason]] = {
    "COMPLETE": "end",
    "STOP_SEQUENCE": "stop_sequence",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
}
WORDS: Final[dict[canonical.StopReason, str]] = {
    "end": "COMPLETE",
    "stop_sequence": "STOP_SEQUENCE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "ERROR_TOXIC",
    "refusal": "COMPLETE",
    "pause": "COMPLETE",
}
FAILED: Final[dict[str, Kind]] = {
    "ERROR": "server_error",
    "TIMEOUT": "timeout",
}

WORDLESS: Final = (
    "cache_write", "cache_write_1h", "reasoning", "audio_input", "audio_output", "image_input",
    "image_output",
)  # fmt: skip
"""Tokens that Cohere does not count."""


class Tokens(Struct, frozen=True):
    """Of one kind."""

    input_tokens: float | None = None
    output_tokens: float | None = None


class Usage(Struct, frozen=True):
    """As on the wire; `billed_units` has units of other services as well."""

    tokens: Tokens | None = None
    billed_units: dict[str, float | None] | None = None
    cached_tokens: float | None = None
    sluicegate: UsageBeside | None = None


def read_usage(usage: Usage | None) -> canonical.Usage | None:
    """Return the tokens that are paid."""
    if usage is None or (usage.tokens is None and usage.billed_units is None):
        return None
    units = usage.billed_units or {}
    paid = Tokens(units.get("input_tokens"), units.get("output_tokens"))
    if usage.tokens is not None and paid == Tokens():
        paid = usage.tokens
    incoming = int(paid.input_tokens or 0)
    read = canonical.Usage(
        input=incoming,
        output=int(paid.output_tokens or 0),
        cached=min(int(usage.cached_tokens or 0), incoming),
    )
    return with_beside(read, usage.sluicegate)


def unsaid(usage: Usage | None) -> dict[str, Any] | None:
    """Return all of it, as plain data, where it says more than what is paid."""
    if usage is None or usage.billed_units is None or usage.tokens is None:
        return None
    said = {"input_tokens": usage.tokens.input_tokens, "output_tokens": usage.tokens.output_tokens}
    if usage.billed_units == said:
        return None
    return {
        "billed_units": usage.billed_units,
        "tokens": said,
        "cached_tokens": usage.cached_tokens,
    }


def write_usage(usage: canonical.Usage | None, whole: object = None) -> dict[str, Any]:
    """Return them as Cohere counts; `whole` is what `unsaid` returned."""
    usage = usage or canonical.Usage()
    tokens = {"input_tokens": usage.input, "output_tokens": usage.output}
    counts = {"billed_units": tokens, "tokens": tokens, "cached_tokens": usage.cached}
    if isinstance(whole, dict):
        counts |= whole
    said = beside(usage, *WORDLESS)
    return counts if said is None else {**counts, "sluicegate": to_builtins(said)}


def read_stop(word: str) -> canonical.Stop:
    """Return why it stopped; `detail` where our word says less. Raises Malformed: it failed."""
    if word in FAILED:
        raise Malformed("the model failed, as Cohere says")
    reason = STOPS.get(word, "end")
    return canonical.Stop(reason=reason, detail="" if WORDS[reason] == word else word)


def failed(word: str, error: str | None = None) -> Failure | None:
    """Return the failure that a reason to stop is; None where it is none."""
    kind = FAILED.get(word)
    if kind is None:
        return None
    status = 504 if kind == "timeout" else 500
    message = error or "Cohere failed to finish the answer"
    return Failure(kind=kind, status=status, message=message, code=word)


def write_stop(stop: canonical.Stop) -> str:
    """Return Cohere's word, which is the detail where that is one."""
    return stop.detail if STOPS.get(stop.detail) == stop.reason else WORDS[stop.reason]
