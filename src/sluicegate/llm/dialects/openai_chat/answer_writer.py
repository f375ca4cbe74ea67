"""From the canonical answer to what a client of chat completions reads."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Answer,
    Choice,
    Logprob,
    Media,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from sluicegate.llm.dialects.openai_chat.answer_shape import EXTRAS, usage_shaped
from sluicegate.llm.dialects.openai_chat.media import image_url
from sluicegate.llm.dialects.openai_chat.signatures import as_block, as_content
from sluicegate.llm.dialects.openai_chat.stops import WRITTEN, extension_of

NAME: Final = "openai_chat"


def write(answer: Answer) -> bytes:
    """Return the body."""
    body: dict[str, Any] = {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [_choice(choice) for choice in answer.choices],
    }
    if answer.usage is not None:
        body["usage"] = usage_shaped(answer.usage)
    if answer.service_tier is not None:
        body["service_tier"] = answer.service_tier
    if answer.fingerprint is not None:
        body["system_fingerprint"] = answer.fingerprint
    others: dict[str, Any] = {}
    for name, value in answer.extras.items():
        (body if name in EXTRAS else others)[name] = value
    if others:
        body["sluicegate"] = {"extras": others}
    return msgspec.json.encode(body)


def logprobs_shaped(tokens: list[Logprob] | None) -> dict[str, Any] | None:
    """Write ChoiceLogprobs."""
    return None if tokens is None else {"content": tokens, "refusal": None}


def _choice(choice: Choice) -> dict[str, Any]:
    shaped: dict[str, Any] = {
        "index": choice.index,
        "message": _message(choice.parts),
        "logprobs": logprobs_shaped(choice.logprobs),
        "finish_reason": WRITTEN[choice.stop.reason],
    }
    extension = extension_of(choice.stop)
    if extension is not None:
        shaped["sluicegate"] = extension
    return shaped


def _message(parts: list[Part]) -> dict[str, Any]:
    texts = [part.text for part in parts if isinstance(part, Text)]
    refusals = [part.text for part in parts if isinstance(part, Refusal)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) if refusals else None,
    }
    _add_thinking(message, [part for part in parts if isinstance(part, Thinking)])
    for part in parts:
        if isinstance(part, Text):
            _add_text(message, part)
        elif isinstance(part, ToolCall):
            message.setdefault("tool_calls", []).append(call_shaped(part))
        elif isinstance(part, Opaque):
            _add_opaque(message, part)
        elif isinstance(part, Media):
            image = {"type": "image_url", "image_url": {"url": image_url(part) or ""}}
            message.setdefault("images", []).append(image)
    return message


def _add_thinking(message: dict[str, Any], thoughts: list[Thinking]) -> None:
    text = "".join(thought.text for thought in thoughts)
    if text:
        message["reasoning_content"] = text
    if any(thought.signature for thought in thoughts):
        message["thinking_blocks"] = [as_block(thought, thought.text) for thought in thoughts]


def _add_text(message: dict[str, Any], text: Text) -> None:
    if text.signature is not None:
        message["extra_content"] = as_content(text.signature)
    for citation in text.citations or ():
        add_citation(message, citation, _count(message))


def _count(message: dict[str, Any]) -> int:
    extension: dict[str, list[Any]] = message.get("sluicegate", {})
    return len(extension.get("citations", ())) + len(message.get("annotations", ()))


def add_citation(message: dict[str, Any], citation: dict[str, Any], index: int) -> None:
    """Add a citation to a message or delta: OpenAI's own form, or what stands for others.

    `index` counts in all of the message: the SDK puts lists of a stream together by it.
    """
    if "url_citation" in citation:
        message.setdefault("annotations", []).append(citation)
    else:
        extension = message.setdefault("sluicegate", {})
        extension.setdefault("citations", []).append({"index": index, "citation": citation})


def _add_opaque(message: dict[str, Any], part: Opaque) -> None:
    if part.dialect == NAME and "audio" in part.raw:
        message["audio"] = part.raw["audio"]
        return
    parts = message.setdefault("sluicegate", {}).setdefault("parts", [])
    parts.append({"index": len(parts), "dialect": part.dialect, "raw": part.raw})


def call_shaped(call: ToolCall) -> dict[str, Any]:
    """Write a call of a tool."""
    shaped: dict[str, Any] = {"id": call.id}
    if call.custom:
        shaped["type"] = "custom"
        shaped["custom"] = {"name": call.name, "input": call.arguments}
    else:
        shaped["type"] = "function"
        shaped["function"] = {"name": call.name, "arguments": call.arguments}
    if call.signature is not None:
        shaped["extra_content"] = as_content(call.signature)
    return shaped
