"""What a provider was sent, in one form: read from each dialect's JSON by hand, not by our readers.

Field names as in the vendors' references; of what `Sent` has no place for nothing is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Sent:
    """A call. `system` and `user` are texts; `effort` to think in the dialect's words or tokens.

    `cache`: a key or a marker of what is worth caching.
    """

    system: str = ""
    user: list[str] = field(default_factory=list)
    tools: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    schema: dict[str, Any] | None = None
    stop: list[str] = field(default_factory=list)
    most: int | None = None
    effort: str | int | None = None
    cache: bool = False
    thinking: str = ""
    signature: str = ""


def sent_to(dialect: str, body: dict[str, Any]) -> Sent:
    """Read a call."""
    return READERS[dialect](body)


def _chat(body: dict[str, Any]) -> Sent:
    sent = Sent(stop=_listed(body.get("stop")))
    sent.most = body.get("max_completion_tokens", body.get("max_tokens"))
    sent.effort = body.get("reasoning_effort")
    sent.cache = "prompt_cache_key" in body
    sent.schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    _functions(sent, body)
    for message in body["messages"]:
        _chat_message(sent, message)
    return sent


def _functions(sent: Sent, body: dict[str, Any]) -> None:
    for tool in body.get("tools", []):
        sent.tools[tool["function"]["name"]] = tool["function"]["parameters"]


def _chat_message(sent: Sent, message: dict[str, Any]) -> None:
    text = _text(message.get("content"))
    if message["role"] in ("system", "developer"):
        sent.system += text
    elif message["role"] == "user":
        sent.user.append(text)
        for part in message["content"] if isinstance(message["content"], list) else []:
            if part["type"] == "image_url":
                sent.images.append(part["image_url"]["url"].partition(",")[2])
    elif message["role"] == "tool":
        sent.results.append(text)
    for call in message.get("tool_calls") or []:
        function = call["function"]
        sent.calls.append((function["name"], json.loads(function["arguments"])))
    sent.thinking += message.get("reasoning_content") or ""
    for part in _parts(message.get("content")):  # cohere
        sent.thinking += part.get("thinking", "")


def _responses(body: dict[str, Any]) -> Sent:
    sent = Sent(system=body.get("instructions") or "", most=body.get("max_output_tokens"))
    sent.effort = body.get("reasoning", {}).get("effort")
    sent.cache = "prompt_cache_key" in body
    sent.schema = body.get("text", {}).get("format", {}).get("schema")
    for tool in body.get("tools", []):
        sent.tools[tool["name"]] = tool["parameters"]
    items = body["input"]
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        _item(sent, item)
    return sent


def _item(sent: Sent, item: dict[str, Any]) -> None:
    sort = item.get("type", "message")
    if sort == "function_call":
        sent.calls.append((item["name"], json.loads(item["arguments"])))
    elif sort == "function_call_output":
        sent.results.append(_text(item["output"]))
    elif sort == "reasoning":
        sent.thinking += "".join(each["text"] for each in item.get("summary") or [])
        sent.thinking += "".join(each["text"] for each in item.get("content") or [])
        sent.signature += item.get("encrypted_content") or ""
    elif item["role"] in ("system", "developer"):
        sent.system += _text(item["content"])
    elif item["role"] == "user":
        sent.user.append(_text(item["content"]))
        for part in _parts(item["content"]):
            if part["type"] == "input_image":
                sent.images.append(part["image_url"].partition(",")[2])


def _anthropic(body: dict[str, Any]) -> Sent:
    sent = Sent(system=_text(body.get("system")), stop=body.get("stop_sequences", []))
    sent.most = body["max_tokens"]
    sent.effort = _thinks(body)
    sent.cache = any("cache_control" in part for part in _parts(body.get("system")))
    sent.schema = body.get("output_config", {}).get("format", {}).get("schema")
    for tool in body.get("tools", []):
        sent.tools[tool["name"]] = tool["input_schema"]
    for message in body["messages"]:
        texts = _text(message["content"])
        if message["role"] == "user" and texts:
            sent.user.append(texts)
        for part in _parts(message["content"]):
            if part["type"] == "tool_use":
                sent.calls.append((part["name"], part["input"]))
            elif part["type"] == "tool_result":
                sent.results.append(_text(part["content"]))
            elif part["type"] == "image":
                sent.images.append(part["source"]["data"])
            sent.thinking += part.get("thinking", "")
            sent.signature += part.get("signature", "")
    return sent


def _thinks(body: dict[str, Any]) -> str | int | None:
    """Tokens, or where the model is to decide the word for how much."""
    thinking = body.get("thinking", {})
    if thinking.get("type") == "adaptive":
        return str(body["output_config"]["effort"])
    tokens: int | None = thinking.get("budget_tokens")
    return tokens


def _gemini(body: dict[str, Any]) -> Sent:
    body = _camel(body)
    config = body.get("generationConfig", {})
    sent = Sent(stop=config.get("stopSequences", []), most=config.get("maxOutputTokens"))
    sent.system = _text(body.get("systemInstruction", {}).get("parts"))
    thinks = config.get("thinkingConfig", {})
    sent.effort = thinks.get("thinkingBudget") or thinks.get("thinkingLevel", "").lower() or None
    sent.schema = config.get("responseJsonSchema") or _small(config.get("responseSchema"))
    for tool in body.get("tools", []):
        for each in tool["functionDeclarations"]:
            sent.tools[each["name"]] = each.get("parametersJsonSchema") or _small(
                each["parameters"]
            )
    for content in body["contents"]:
        for part in content["parts"]:
            _gemini_part(sent, part, content["role"])
    return sent


def _gemini_part(sent: Sent, part: dict[str, Any], role: str) -> None:
    if "functionCall" in part:
        sent.calls.append((part["functionCall"]["name"], part["functionCall"]["args"]))
    elif "functionResponse" in part:
        response = part["functionResponse"]["response"]
        sent.results.append(response.get("output") or response.get("result"))
    elif "inlineData" in part:
        sent.images.append(part["inlineData"]["data"])
    elif part.get("thought"):
        sent.thinking += part.get("text", "")
    elif role == "user":
        sent.user.append(part["text"])
    sent.signature += part.get("thoughtSignature", "")


def _bedrock(body: dict[str, Any]) -> Sent:
    config = body.get("inferenceConfig", {})
    sent = Sent(stop=config.get("stopSequences", []), most=config.get("maxTokens"))
    sent.system = _text(body.get("system"))
    extra = body.get("additionalModelRequestFields", {})
    sent.effort = _thinks(extra | {"output_config": body.get("outputConfig")})
    sent.cache = any("cachePoint" in part for part in body.get("system", []))
    form = body.get("outputConfig", {}).get("textFormat", {}).get("structure", {})
    sent.schema = json.loads(form["jsonSchema"]["schema"]) if form else None
    for tool in body.get("toolConfig", {}).get("tools", []):
        spec = tool["toolSpec"]
        sent.tools[spec["name"]] = spec["inputSchema"]["json"]
    for message in body["messages"]:
        if message["role"] == "user" and _text(message["content"]):
            sent.user.append(_text(message["content"]))
        for part in message["content"]:
            _bedrock_part(sent, part)
    return sent


def _bedrock_part(sent: Sent, part: dict[str, Any]) -> None:
    if "toolUse" in part:
        sent.calls.append((part["toolUse"]["name"], part["toolUse"]["input"]))
    elif "toolResult" in part:
        sent.results.append(_text(part["toolResult"]["content"]))
    elif "image" in part:
        sent.images.append(part["image"]["source"]["bytes"])
    elif "reasoningContent" in part:
        said = part["reasoningContent"]["reasoningText"]
        sent.thinking += said["text"]
        sent.signature += said.get("signature", "")


def _cohere(body: dict[str, Any]) -> Sent:
    sent = Sent(stop=body.get("stop_sequences", []), most=body.get("max_tokens"))
    sent.effort = body.get("thinking", {}).get("token_budget")
    sent.schema = body.get("response_format", {}).get("json_schema")
    _functions(sent, body)
    for message in body["messages"]:
        _chat_message(sent, message)
    return sent


READERS = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic_messages": _anthropic,
    "gemini_generate": _gemini,
    "bedrock_converse": _bedrock,
    "cohere_chat": _cohere,
}


def _parts(content: Any) -> Iterable[dict[str, Any]]:
    return content if isinstance(content, list) else []


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in _parts(content))


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value or []


def _camel(value: Any) -> Any:
    """Spell names as Google's reference does; the API takes `inline_data` too."""
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    spelt = {}
    for name, each in value.items():
        first, *rest = name.split("_")
        spelt[first + "".join(word.title() for word in rest)] = _camel(each)
    return spelt


def _small(schema: Any) -> Any:
    """Write the types of Google's schemas as JSON Schema does."""
    if isinstance(schema, list):
        return [_small(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: each.lower() if name == "type" and isinstance(each, str) else _small(each)
        for name, each in schema.items()
    }
