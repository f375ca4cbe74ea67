"""Whole answers of the Messages API, to and from the canonical form.

Source: anthropic-sdk-python `types/message.py`, `types/content_block.py`. They say no time of their
making (`created` is 0). Blocks that only this API knows stay as they came (`Opaque`); what it says
beside the canonical form is in `extras`: `container`, `diagnostics`, `context_management`, …, and
`usage.…`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from sluicegate.llm.canonical import (
    Answer,
    Choice,
    Media,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from sluicegate.llm.dialects.anthropic_messages import extension
from sluicegate.llm.dialects.anthropic_messages.extension import FAMILY, FIELD, NAME
from sluicegate.llm.dialects.anthropic_messages.parts_writer import object_of
from sluicegate.llm.dialects.anthropic_messages.stop import fields_of, stop_of, unsaid
from sluicegate.llm.dialects.anthropic_messages.usage import UsageIn, counts_of, usage_of
from sluicegate.llm.failure import Malformed
from sluicegate.llm.signature import opened, sealed

EXTRA_FIELDS: Final = ("container", "diagnostics", "context_management", "input_transformations")
EXTRA_COUNTS: Final = ("server_tool_use", "inference_geo", "speed", "iterations", "fallback_credit")
TIERS: Final = frozenset({"standard", "priority", "batch"})
BLANK: Final = "the answer is not a message"


class TextOut(Struct, tag="text"):
    """Text."""

    text: str
    citations: list[dict[str, Any]] | None = None
    sluicegate: Any = None


class ThinkingOut(Struct, tag="thinking"):
    """Reasoning."""

    thinking: str
    signature: str = ""
    sluicegate: Any = None


class RedactedOut(Struct, tag="redacted_thinking"):
    """Reasoning that nobody is shown."""

    data: str
    sluicegate: Any = None


class ToolUseOut(Struct, tag="tool_use"):
    """A call of a tool."""

    id: str
    name: str
    input: Raw
    caller: dict[str, Any] | None = None
    toolset_name: str | None = None
    sluicegate: Any = None


KNOWN: Final = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
Known = TextOut | ThinkingOut | RedactedOut | ToolUseOut


class Typed(Struct):
    """Any block."""

    type: str


class Counted(Struct):
    """A whole answer, as far as it is counted."""

    type: str
    stop_reason: str
    usage: UsageIn


class MessageOut(Struct):
    """A whole answer."""

    type: str
    id: str
    model: str
    content: list[Raw]
    stop_reason: str
    usage: UsageIn
    stop_sequence: str | None = None
    stop_details: dict[str, Any] | None = None


COUNTED: Final = msgspec.json.Decoder(Counted)
MESSAGE: Final = msgspec.json.Decoder(MessageOut)
TYPED: Final = msgspec.json.Decoder(Typed)
BLOCK: Final = msgspec.json.Decoder(Known)
PLAIN: Final = msgspec.json.Decoder(dict[str, Any])
ENCODER: Final = msgspec.json.Encoder()


def measure(body: bytes) -> Usage:
    """Look whether a body is a whole answer. Raises Malformed."""
    try:
        counted = COUNTED.decode(body)
    except (ValueError, RecursionError):
        raise Malformed(BLANK) from None
    if counted.type != "message":
        raise Malformed(BLANK)
    return usage_of(counted.usage)


def read_answer(body: bytes) -> Answer:
    """Read a whole answer. Raises Malformed."""
    try:
        message = MESSAGE.decode(body)
        parts = [part_of(raw) for raw in message.content]
        plain = PLAIN.decode(body)
    except (ValueError, RecursionError):
        raise Malformed(BLANK) from None
    if message.type != "message":
        raise Malformed(BLANK)
    extras = {name: plain[name] for name in EXTRA_FIELDS if plain.get(name) is not None}
    counts = plain["usage"]
    extras |= {f"usage.{n}": counts[n] for n in EXTRA_COUNTS if counts.get(n) is not None}
    stop = stop_of(message.stop_reason, message.stop_sequence, message.stop_details)
    return Answer(
        id=message.id,
        model=message.model,
        created=0,
        choices=[Choice(index=0, parts=parts, stop=stop)],
        usage=usage_of(message.usage),
        service_tier=message.usage.service_tier,
        extras=extras,
    )


def part_of(raw: Raw | bytes) -> Part:
    """Return the part that a block of an answer is. Raises ValueError."""
    if TYPED.decode(raw).type not in KNOWN:
        return Opaque(dialect=NAME, raw=PLAIN.decode(raw))
    block = BLOCK.decode(raw)
    said = block.sluicegate if isinstance(block.sluicegate, dict) else None
    if isinstance(block, TextOut):
        return extension.restored(Text(text=block.text, citations=block.citations or None), said)
    if isinstance(block, ThinkingOut):
        signature = opened(block.signature, FAMILY) if block.signature else None
        return extension.restored(Thinking(text=block.thinking, signature=signature), said)
    if isinstance(block, RedactedOut):
        signature = opened(block.data, FAMILY)
        return extension.restored(Thinking(redacted=True, signature=signature), said)
    if block.toolset_name is not None or (block.caller or {}).get("type", "direct") != "direct":
        return Opaque(dialect=NAME, raw=PLAIN.decode(raw))
    arguments = bytes(block.input).decode()
    PLAIN.decode(arguments)
    return extension.restored(ToolCall(id=block.id, name=block.name, arguments=arguments), said)


# --- writing -------------------------------------------------------------------------------------


def write_answer(answer: Answer) -> bytes:
    """Write a whole answer: its first choice, as a caller of this API cannot ask for more."""
    choice = answer.choices[0]
    foreign: list[dict[str, Any]] = []
    content: list[dict[str, Any]] = []
    for index, part in enumerate(choice.parts):
        block = block_of(part)
        if block is None:
            foreign.append(extension.of_foreign(index, part))
        else:
            content.append(block)
    said: dict[str, Any] = {"parts": foreign} if foreign else {}
    if choice.logprobs:
        said["logprobs"] = extension.of_logprobs(choice.logprobs)
    if unsaid(choice.stop):
        said["stop_detail"] = unsaid(choice.stop)
    usage = counts_of(answer.usage)
    message: dict[str, Any] = {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        **fields_of(choice.stop),
        "usage": usage,
    }
    _write_extras(answer, message, said)
    if said:
        message[FIELD] = said
    return ENCODER.encode(message)


def _write_extras(answer: Answer, message: dict[str, Any], said: dict[str, Any]) -> None:
    said |= said_beside(answer.service_tier, answer.fingerprint)
    if answer.service_tier in TIERS:
        message["usage"]["service_tier"] = answer.service_tier
    for path, value in answer.extras.items():
        owner, _, name = path.partition(".")
        if path in EXTRA_FIELDS:
            message[path] = value
        elif owner == "usage" and name in EXTRA_COUNTS:
            message["usage"][name] = value
        else:
            said.setdefault("extras", {})[path] = value


def said_beside(tier: str | None, fingerprint: str | None) -> dict[str, Any]:
    """Return what of these the API has no words for."""
    said: dict[str, Any] = {}
    if tier is not None and tier not in TIERS:
        said["service_tier"] = tier
    if fingerprint is not None:
        said["fingerprint"] = fingerprint
    return said


def block_of(part: Part) -> dict[str, Any] | None:
    """Return a part's block; None where there is none of its kind in answers."""
    if isinstance(part, Opaque):
        return part.raw if part.dialect == NAME else None
    if isinstance(part, Media | ToolResult):
        return None
    said = extension.of_part(part)
    block = _block(part, said)
    return {**block, FIELD: said} if said else block


def _block(part: Text | Thinking | ToolCall | Refusal, said: dict[str, Any]) -> dict[str, Any]:
    if isinstance(part, Thinking):
        seal = "" if part.signature is None else sealed(part.signature, FAMILY)
        if part.redacted:
            return {"type": "redacted_thinking", "data": seal}
        return {"type": "thinking", "thinking": part.text, "signature": seal}
    if isinstance(part, ToolCall):
        arguments = object_of(part.arguments)
        if arguments is None:
            said["arguments"] = part.arguments
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments or {}}
    block: dict[str, Any] = {"type": "text", "text": part.text}
    if isinstance(part, Text):
        own = [citation for citation in part.citations or () if extension.own_citation(citation)]
        if own:
            block["citations"] = own
    return block
