"""Tokens and reasons to stop, in Cohere's words and in ours.

Source: cohere 7.3, `types/usage.py`, `types/chat_finish_reason.py`, `types/finish_reason.py` (which
has reasons of earlier versions that hosted models still give). Numbers are floats there.

`tokens` are what the model saw, with Cohere's own preamble; `billed_units` what is paid.
`cached_tokens` are of the former, which therefore count here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from sluicegate.llm import canonical
from sluicegate.llm.failure import Failure, Malformed

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


class Tokens(Struct, frozen=True):
    """Of one kind."""

    input_tokens: float | None = None
    output_tokens: float | None = None


class Usage(Struct, frozen=True):
    """As on the wire; `billed_units` has units of other services as well."""

    tokens: Tokens | None = None
    billed_units: dict[str, float | None] | None = None
    cached_tokens: float | None = None


def read_usage(usage: Usage | None) -> canonical.Usage | None:
    """Return the tokens."""
    if usage is None or (usage.tokens is None and usage.billed_units is None):
        return None
    billed = usage.billed_units or {}
    tokens = usage.tokens or Tokens(billed.get("input_tokens"), billed.get("output_tokens"))
    return canonical.Usage(
        input=int(tokens.input_tokens or 0),
        output=int(tokens.output_tokens or 0),
        cached=int(usage.cached_tokens or 0),
    )


def billed(usage: Usage | None) -> dict[str, float | None] | None:
    """Return the billed units where they say something that the tokens do not."""
    if usage is None or usage.billed_units is None or usage.tokens is None:
        return None
    said = {"input_tokens": usage.tokens.input_tokens, "output_tokens": usage.tokens.output_tokens}
    return None if usage.billed_units == said else usage.billed_units


def write_usage(usage: canonical.Usage | None, units: object = None) -> dict[str, Any]:
    """Return them as Cohere counts."""
    usage = usage or canonical.Usage()
    tokens = {"input_tokens": usage.input, "output_tokens": usage.output}
    return {"billed_units": units or tokens, "tokens": tokens, "cached_tokens": usage.cached}


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
