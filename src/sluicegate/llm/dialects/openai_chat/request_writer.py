"""From the canonical request to a body for a provider.

Written is what OpenAI's specification has. `max_completion_tokens` is its name for the bound; a
vendor that knows only `max_tokens` renames it (`Provider.fit`). Values that ask for what happens
anyway stay out: vendors refuse fields that they do not know.

Left out and announced, since no answer gets wrong by it: reasoning of earlier turns and signatures
(OpenAI refuses the fields), markers for caches (this dialect's vendors cache by themselves), how
reasoning is shown, and that a tool's result is an error, which its text says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Cache,
    Format,
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sluicegate.llm.dialects.openai_chat.media import written
from sluicegate.llm.effort import effort_of

if TYPE_CHECKING:
    from sluicegate.llm.losses import Losses

NAME: Final = "openai_chat"
TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
"""types/chat/completion_create_params.py, `service_tier`."""
EXTRAS: Final = frozenset(
    {
        "audio",
        "modalities",
        "moderation",
        "prediction",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "web_search_options",
    }
)
"""Fields that this dialect and OpenAI's others call alike."""
NEEDLESS: Final = {
    "parallel_tool_calls": True,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logprobs": False,
    "n": 1,
    "store": False,
    "logit_bias": {},
    "metadata": {},
}
"""What happens anyway (the specification's defaults)."""


def write(request: Request, losses: Losses) -> bytes:
    """Return the body; tell `losses` what is not in it."""
    body: dict[str, Any] = {"model": request.model}
    body["messages"] = [
        written_message
        for message in request.messages
        for written_message in _messages(message, request, losses)
    ]
    if request.stream:
        # Asked for always: who pays wants to know.
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    body |= _tools(request, losses)
    body |= {
        name: value
        for name, value in _settings(request).items()
        if value is not None and not (name in NEEDLESS and value == NEEDLESS[name])
    }
    _tell(request, body, losses)
    return msgspec.json.encode(body)


def _settings(request: Request) -> dict[str, Any]:
    return {
        "max_completion_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stop or None,
        "seed": request.seed,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "logit_bias": request.logit_bias,
        "logprobs": request.logprobs,
        "top_logprobs": request.top_logprobs,
        "n": request.n,
        "response_format": None if request.format is None else _format(request.format),
        "reasoning_effort": None if request.reasoning is None else effort_of(request.reasoning),
        "verbosity": request.verbosity,
        "user": request.user,
        "metadata": request.metadata,
        "store": request.store,
        "prompt_cache_key": request.cache_key,
    }


def _tell(request: Request, body: dict[str, Any], losses: Losses) -> None:
    """Write or lose what needs a look."""
    if request.top_k is not None:
        losses.field("top_k")
    if request.min_p:
        losses.field("min_p")
    if request.service_tier is not None:
        if request.service_tier in TIERS:
            body["service_tier"] = request.service_tier
        else:
            losses.field("service_tier")
    reasoning = request.reasoning
    if reasoning is not None and (reasoning.summary or reasoning.shown is not None):
        losses.hint("reasoning")
    for name, value in request.extras.items():
        if name in EXTRAS and request.dialect.startswith("openai_"):
            body[name] = value
        else:
            losses.at(name)


def _format(asked: Format) -> dict[str, Any] | None:
    if asked.kind == "text":
        return None
    if asked.kind == "json_object":
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": asked.name or "answer"}
    if asked.description:
        schema["description"] = asked.description
    if asked.schema is not None:
        schema["schema"] = asked.schema
    if asked.strict is not None:
        schema["strict"] = asked.strict
    return {"type": "json_schema", "json_schema": schema}


# --- tools ---------------------------------------------------------------------------------------


def _tools(request: Request, losses: Losses) -> dict[str, Any]:
    tools = [_tool(tool, losses) for tool in request.tools if _is_ours(tool, losses)]
    if not tools:
        return {}
    found: dict[str, Any] = {"tools": tools}
    if request.tool_choice is not None:
        custom = {tool.name for tool in request.tools if tool.custom}
        found["tool_choice"] = _tool_choice(request.tool_choice, custom)
    if request.parallel_tools is False:
        found["parallel_tool_calls"] = False
    return found


def _is_ours(tool: Tool, losses: Losses) -> bool:
    _uncached(tool.cache, tool.at, losses)
    if tool.builtin is None:
        return True
    losses.at(tool.at)
    return False


def _tool(tool: Tool, losses: Losses) -> dict[str, Any]:
    about: dict[str, Any] = {"name": tool.name}
    if tool.description:
        about["description"] = tool.description
    if tool.custom:
        if tool.grammar is not None:
            grammar = {
                name: tool.grammar[name]
                for name in ("definition", "syntax")
                if name in tool.grammar
            }
            if not grammar:
                losses.part(tool.at)
            about["format"] = {"type": "grammar", "grammar": grammar}
        return {"type": "custom", "custom": about}
    if tool.parameters is not None:
        about["parameters"] = tool.parameters
    if tool.strict is not None:
        about["strict"] = tool.strict
    return {"type": "function", "function": about}


def _tool_choice(choice: ToolChoice, custom: set[str]) -> str | dict[str, Any]:
    if not choice.names:
        return "required" if choice.mode == "named" else choice.mode
    tools = [_chosen(name, custom) for name in choice.names]
    if choice.mode == "named" and len(tools) == 1:
        return tools[0]
    if choice.mode == "none":
        return "none"
    mode = "auto" if choice.mode == "auto" else "required"
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def _chosen(name: str, custom: set[str]) -> dict[str, Any]:
    kind = "custom" if name in custom else "function"
    return {"type": kind, kind: {"name": name}}


# --- messages ------------------------------------------------------------------------------------


def _messages(message: Message, request: Request, losses: Losses) -> Iterable[dict[str, Any]]:
    """Yield one message, or several: each result of a tool is one of its own here."""
    rest: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            yield _result(part, losses)
        else:
            rest.append(part)
    if message.role == "assistant":
        yield _spoken(message, rest, losses)
    elif rest or message.role != "tool":
        role = "user" if message.role == "tool" else message.role
        own_files = request.dialect.startswith("openai_")
        parts = [_part(part, losses, own_files=own_files) for part in rest]
        yield {"role": role, "content": _content([part for part in parts if part])} | _named(
            message
        )


def _named(message: Message) -> dict[str, Any]:
    return {"name": message.name} if message.name else {}


def _content(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Return a text alone as a string: the form that every server takes."""
    if len(parts) == 1 and parts[0]["type"] == "text":
        text: str = parts[0]["text"]
        return text
    return parts or ""


def _part(part: Part, losses: Losses, *, own_files: bool) -> dict[str, Any] | None:
    if isinstance(part, Text):
        _uncached(part.cache, part.at, losses)
        return {"type": "text", "text": part.text}
    if isinstance(part, Media):
        _uncached(part.cache, part.at, losses)
        return written(part, losses, own_files=own_files)
    losses.part(part.at)
    return None


def _result(result: ToolResult, losses: Losses) -> dict[str, Any]:
    _uncached(result.cache, result.at, losses)
    if result.failed:
        losses.foreign(f"{result.at}.is_error")
    parts = []
    for part in result.parts:
        if isinstance(part, Text):
            _uncached(part.cache, part.at, losses)
            parts.append({"type": "text", "text": part.text})
        else:
            losses.part(part.at)
    return {"role": "tool", "tool_call_id": result.id, "content": _content(parts)}


def _spoken(message: Message, parts: list[Part], losses: Losses) -> dict[str, Any]:
    """Write the model's own turn."""
    content: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    found: dict[str, Any] = {"role": "assistant", **_named(message)}
    for part in parts:
        if isinstance(part, Text):
            _unsigned(part, losses)
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, Refusal):
            found["refusal"] = part.text
        elif isinstance(part, ToolCall):
            _unsigned(part, losses)
            calls.append(_call(part))
        elif isinstance(part, Thinking):
            losses.foreign(part.at)
        elif isinstance(part, Opaque) and part.dialect == NAME and "audio" in part.raw:
            found["audio"] = part.raw["audio"]
        else:
            losses.part(part.at)
    found["content"] = _content(content) if content else None
    if found["content"] is None and not calls and len(found) == len(("role", "content")):
        found["content"] = ""
    if calls:
        found["tool_calls"] = calls
    return found


def _call(call: ToolCall) -> dict[str, Any]:
    if call.custom:
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _unsigned(part: Text | ToolCall, losses: Losses) -> None:
    _uncached(part.cache, part.at, losses)
    if part.signature is not None:
        losses.foreign(f"{part.at}.signature")


def _uncached(cache: Cache | None, at: str, losses: Losses) -> None:
    if cache is not None:
        losses.foreign(f"{at}.cache_control")
