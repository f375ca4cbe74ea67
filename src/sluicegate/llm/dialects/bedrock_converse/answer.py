"""Whole answers of Converse, read and written.

Source: shape ConverseResponse of botocore's bedrock-runtime model. Latency (`metrics`) is not kept:
the gateway measures its own. An answer has no id, model or time of its own; one that was written
here has them in `additionalModelResponseFields.sluicegate`.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
from msgspec import Struct

from sluicegate.llm import canonical
from sluicegate.llm.dialects.bedrock_converse import formats, wire
from sluicegate.llm.dialects.bedrock_converse.read_request import FAMILY
from sluicegate.llm.dialects.bedrock_converse.usage import (
    ServedTier,
    TokenUsage,
    read_stop,
    read_usage,
    write_stop,
    write_usage,
)
from sluicegate.llm.failure import Malformed
from sluicegate.llm.signature import opened, sealed

OURS: Final = "sluicegate"


class ToolUse(Struct, frozen=True, rename="camel"):
    """`input` as it came."""

    tool_use_id: str
    name: str
    input: msgspec.Raw = msgspec.Raw(b"{}")
    type: str | None = None


class Media(Struct, frozen=True):
    """An image that a model made. Bytes only."""

    format: str
    source: dict[str, Any]


class Block(Struct, frozen=True, rename="camel"):
    """One part: the members that have words here; others make it opaque."""

    text: str | None = None
    tool_use: ToolUse | None = None
    reasoning_content: wire.Reasoning | None = None
    citations_content: wire.Citations | None = None
    image: Media | None = None


class Message(Struct, frozen=True):
    """What the model says."""

    content: list[msgspec.Raw]


class Output(Struct, frozen=True):
    """A union of one member."""

    message: Message


class Response(Struct, frozen=True, rename="camel"):
    """The body of a whole answer."""

    output: Output
    stop_reason: str
    usage: TokenUsage
    additional_model_response_fields: dict[str, Any] | None = None
    trace: dict[str, Any] | None = None
    performance_config: dict[str, Any] | None = None
    service_tier: ServedTier | None = None


class Measured(Struct, frozen=True, rename="camel"):
    """As much of an answer as shows that it is one."""

    output: msgspec.Raw
    stop_reason: str
    usage: TokenUsage
    service_tier: ServedTier | None = None


RESPONSE: Final = msgspec.json.Decoder(Response)
MEASURED: Final = msgspec.json.Decoder(Measured)
BLOCK: Final = msgspec.json.Decoder(Block)
PLAIN: Final = msgspec.json.Decoder(dict[str, Any])
ENCODER: Final = msgspec.json.Encoder()


def measure(body: bytes) -> canonical.Usage:
    """Return what an answer used. Raises Malformed."""
    try:
        measured = MEASURED.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("the answer is none of Converse") from None
    return read_usage(measured.usage, measured.service_tier)


def read_answer(body: bytes) -> canonical.Answer:
    """Read a body. Raises Malformed."""
    try:
        response = RESPONSE.decode(body)
        parts = [_part(raw) for raw in response.output.message.content]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("the answer is none of Converse") from None
    more = dict(response.additional_model_response_fields or {})
    ours = _taken(more)
    sequence = stop_sequence(more)
    extras: dict[str, Any] = {"additionalModelResponseFields": more} if more else {}
    if response.trace is not None:
        extras["trace"] = response.trace
    if response.performance_config is not None:
        extras["performanceConfig"] = response.performance_config
    created = ours.get("created")
    return canonical.Answer(
        id=str(ours.get("id", "")),
        model=str(ours.get("model", "")),
        created=created if isinstance(created, int) else 0,
        choices=[
            canonical.Choice(index=0, parts=parts, stop=read_stop(response.stop_reason, sequence))
        ],
        usage=read_usage(response.usage, response.service_tier),
        service_tier=None if response.service_tier is None else response.service_tier.type,
        extras=extras,
    )


def stop_sequence(more: dict[str, Any]) -> str | None:
    """Take Claude's stop sequence out of the additional fields."""
    sequence = more.pop("stop_sequence", None)
    return sequence if isinstance(sequence, str) else None


def _taken(more: dict[str, Any]) -> dict[str, Any]:
    """Take out what `write_answer` put there."""
    ours = more.pop(OURS, None)
    return ours if isinstance(ours, dict) else {}


def _part(raw: msgspec.Raw) -> canonical.Part:
    block = BLOCK.decode(raw)
    if block.text is not None:
        return canonical.Text(text=block.text)
    if block.tool_use is not None and block.tool_use.type is None:
        use = block.tool_use
        return canonical.ToolCall(
            id=use.tool_use_id, name=use.name, arguments=bytes(use.input).decode()
        )
    if block.reasoning_content is not None:
        return read_thinking(block.reasoning_content)
    if block.citations_content is not None:
        text = "".join(chunk.text for chunk in block.citations_content.content)
        return canonical.Text(text=text, citations=block.citations_content.citations)
    if block.image is not None:
        type_ = formats.media_type("image", block.image.format)
        data = block.image.source.get("bytes")
        if type_ is not None and isinstance(data, str):
            return canonical.Media(kind="image", media_type=type_, data=data)
    return canonical.Opaque(dialect=wire.NAME, raw=PLAIN.decode(raw))


def read_thinking(reasoning: wire.Reasoning) -> canonical.Thinking:
    """Return reasoning, which may be redacted."""
    if reasoning.redacted_content is not None:
        signature = canonical.Signature(FAMILY, reasoning.redacted_content)
        return canonical.Thinking(redacted=True, signature=signature)
    if reasoning.reasoning_text is None:
        return canonical.Thinking()
    text = reasoning.reasoning_text
    signed = opened(text.signature, FAMILY) if text.signature else None
    return canonical.Thinking(text=text.text, signature=signed)


# --- writing -------------------------------------------------------------------------------------


def write_answer(answer: canonical.Answer) -> bytes:
    """Write a body: the first choice, for there is one."""
    choice = answer.choices[0]
    extras = dict(answer.extras)
    more = dict(extras.pop("additionalModelResponseFields", {}))
    body: dict[str, Any] = {
        "output": {
            "message": {"role": "assistant", "content": [_block(part) for part in choice.parts]}
        },
        "stopReason": write_stop(choice.stop),
        "usage": write_usage(answer.usage),
        "metrics": {"latencyMs": 0},
        "additionalModelResponseFields": more,
    }
    if choice.stop.sequence is not None:
        more["stop_sequence"] = choice.stop.sequence
    if answer.service_tier is not None:
        body["serviceTier"] = {"type": answer.service_tier}
    for name in ("trace", "performanceConfig"):
        if name in extras:
            body[name] = extras.pop(name)
    more[OURS] = _ours(answer, choice, extras)
    return ENCODER.encode(body)


def _ours(
    answer: canonical.Answer, choice: canonical.Choice, extras: dict[str, Any]
) -> dict[str, Any]:
    """Return what Converse has no words for."""
    wordless = {
        "fingerprint": answer.fingerprint,
        "logprobs": choice.logprobs,
        "choices": answer.choices[1:],
        "parts": {str(at): one for at, part in enumerate(choice.parts) if (one := _odd(part))},
        "stop": choice.stop if choice.stop.reason in ("refusal", "pause") else None,
        "extras": extras,
    }
    known = {"id": answer.id, "model": answer.model, "created": answer.created}
    return known | {name: value for name, value in wordless.items() if value}


def _block(part: canonical.Part) -> dict[str, Any]:  # noqa: PLR0911 - one per kind
    match part:
        case canonical.Text():
            if part.citations:
                return {
                    "citationsContent": {
                        "content": [{"text": part.text}],
                        "citations": part.citations,
                    }
                }
            return {"text": part.text}
        case canonical.Thinking():
            return {"reasoningContent": _reasoning(part)}
        case canonical.ToolCall():
            return {
                "toolUse": {
                    "toolUseId": part.id,
                    "name": part.name,
                    "input": _arguments(part.arguments),
                }
            }
        case canonical.Refusal():
            return {"text": part.text}
        case canonical.Media() if part.kind == "image" and part.data is not None:
            word = formats.word_for("image", part.media_type) or "png"
            return {"image": {"format": word, "source": {"bytes": part.data}}}
        case canonical.Opaque() if part.dialect == wire.NAME:
            return part.raw
    return {"text": ""}


def _arguments(text: str) -> object:
    """Return arguments, which must be an object here: what is none becomes the text of one."""
    try:
        plain = json.loads(text or "{}")
    except ValueError:
        return {OURS: text}
    return msgspec.Raw((text or "{}").encode()) if isinstance(plain, dict) else {OURS: text}


def _reasoning(part: canonical.Thinking) -> dict[str, Any]:
    signature = part.signature
    if part.redacted:
        return {"redactedContent": "" if signature is None else signature.text}
    text = {"text": part.text}
    if signature is not None:
        text["signature"] = sealed(signature, FAMILY)
    return {"reasoningText": text}


def _odd(part: canonical.Part) -> dict[str, Any]:
    """Return what a block has no words for."""
    match part:
        case canonical.Refusal():
            return {"refusal": True}
        case canonical.Opaque() if part.dialect != wire.NAME:
            return {"dialect": part.dialect, "raw": part.raw}
        case canonical.ToolCall() | canonical.Text() if part.signature is not None:
            return {"signature": sealed(part.signature, FAMILY)}
        case canonical.Media() if part.kind != "image" or part.data is None:
            return {"media": part}
    return {}
