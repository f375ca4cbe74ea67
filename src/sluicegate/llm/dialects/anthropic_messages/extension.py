"""What the Messages API has no words for, beside its words: the object `sluicegate`.

In a block: `arguments` (of a tool, where they are no JSON object), `custom` (a tool with free
text), `refusal` (the text is one), `signature` (of a part that is no reasoning), `id` and `summary`
(of reasoning), `citations` (in another vendor's form). In a message, or the `message_delta` of a
stream: `parts` (`index`, and what stood there: other vendors' parts, images), `citations`,
`logprobs`, `stop_detail`, `service_tier`, `fingerprint`, `extras`. In a usage: `usage_beside`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Logprob,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from sluicegate.llm.signature import opened, sealed

NAME: Final = "anthropic_messages"
FAMILY: Final = "anthropic"
FIELD: Final = "sluicegate"
CITATION_TYPES: Final = frozenset(
    {
        "char_location",
        "page_location",
        "content_block_location",
        "web_search_result_location",
        "search_result_location",
    }
)
"""anthropic-sdk-python `types/text_citation.py`."""


def own_citation(citation: dict[str, Any]) -> bool:
    """Return whether a citation is in this API's form."""
    return citation.get("type") in CITATION_TYPES


def of_part(part: Part) -> dict[str, Any]:
    """Return the extension of a block; {} for none. Of tools without their arguments."""
    if isinstance(part, Text):
        said: dict[str, Any] = _signature(part)
        foreign = [c for c in part.citations or () if not own_citation(c)]
        if foreign:
            said["citations"] = foreign
        return said
    if isinstance(part, ToolCall):
        return _signature(part) | ({"custom": True} if part.custom else {})
    if isinstance(part, Thinking):
        said = {"id": part.id} if part.id else {}
        return said | ({"summary": True} if part.summary else {})
    return {"refusal": True} if isinstance(part, Refusal) else {}


def _signature(part: Text | ToolCall) -> dict[str, Any]:
    return {} if part.signature is None else {"signature": sealed(part.signature, FAMILY)}


def restored(part: Text | Thinking | ToolCall, said: dict[str, Any] | None) -> Part:
    """Return a part with what its block's extension says, which may be anything."""
    if not said:
        return part
    if isinstance(part, Thinking):
        part.id = _text(said, "id")
        part.summary = said.get("summary") is True
        return part
    if isinstance(part, Text) and said.get("refusal") is True:
        return Refusal(text=part.text, at=part.at)
    if _text(said, "signature"):
        part.signature = opened(_text(said, "signature"), FAMILY)
    if isinstance(part, Text):
        citations = said.get("citations")
        if isinstance(citations, list) and all(isinstance(c, dict) for c in citations):
            part.citations = [*(part.citations or ()), *citations]
        return part
    part.custom = said.get("custom") is True
    if isinstance(said.get("arguments"), str):
        part.arguments = said["arguments"]
    return part


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def of_foreign(index: int, part: Part) -> dict[str, Any]:
    """Return what stands for a part of an answer that has no block of its own."""
    if isinstance(part, Opaque):
        return {"index": index, "dialect": part.dialect, "raw": part.raw}
    plain = msgspec.to_builtins(part)
    kept = {name: value for name, value in plain.items() if value not in (None, "", False)}
    return {"index": index, **kept}


def of_logprobs(logprobs: list[Logprob]) -> list[dict[str, Any]]:
    """Return log probabilities as plain data."""
    plain: list[dict[str, Any]] = msgspec.to_builtins(logprobs)
    return plain
