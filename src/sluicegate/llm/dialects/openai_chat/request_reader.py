"""From a caller's body to the canonical request.

Calls of the deprecated kind (`functions`, `function_call`, the role `function`) are refused where
they would have to be translated: their answers have another shape than everybody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sluicegate.llm.canonical import (
    Cache,
    Format,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sluicegate.llm.dialects.openai_chat import call_shape as shape
from sluicegate.llm.dialects.openai_chat.media import image_of, media_of
from sluicegate.llm.dialects.openai_chat.signatures import of_block, of_content
from sluicegate.llm.failure import CallError, Failure
from sluicegate.llm.strict import read_strict

NAME: Final = "openai_chat"


def read(body: bytes, *, drop: bool) -> tuple[Request, list[str]]:
    """Return the call, and the unknown fields that were dropped. Raises CallError."""
    call, dropped = read_strict(shape.DECODER, body, drop)
    return _request(call), dropped


def _request(call: shape.ChatCall) -> Request:
    options = call.stream_options or shape.StreamOptions()
    messages = [_message(message, f"messages[{i}]") for i, message in enumerate(call.messages)]
    _match_results(messages)
    return Request(
        dialect=NAME,
        model=call.model,
        messages=messages,
        stream=call.stream or False,
        stream_usage=options.include_usage or False,
        tools=[_tool(tool, f"tools[{i}]") for i, tool in enumerate(call.tools or ())],
        tool_choice=_tool_choice(call.tool_choice),
        parallel_tools=call.parallel_tool_calls,
        max_tokens=call.max_tokens
        if call.max_completion_tokens is None
        else call.max_completion_tokens,
        temperature=call.temperature,
        top_p=call.top_p,
        top_k=call.top_k,
        min_p=call.min_p,
        stop=[call.stop] if isinstance(call.stop, str) else call.stop or [],
        seed=call.seed,
        frequency_penalty=call.frequency_penalty,
        presence_penalty=call.presence_penalty,
        logit_bias=call.logit_bias,
        logprobs=call.logprobs,
        top_logprobs=call.top_logprobs,
        n=call.n,
        format=_format(call.response_format),
        reasoning=_reasoning(call),
        verbosity=call.verbosity,
        user=call.user,
        metadata=call.metadata,
        service_tier=call.service_tier,
        store=call.store,
        cache_key=call.prompt_cache_key,
        extras=_extras(call),
    )


def _extras(call: shape.ChatCall) -> dict[str, Any]:
    """Return what only this dialect has; but not what would happen anyway."""
    extras = {name: value for name in shape.EXTRAS if (value := getattr(call, name)) is not None}
    if call.modalities == ["text"]:
        del extras["modalities"]
    return extras


def _reasoning(call: shape.ChatCall) -> Reasoning | None:
    asked = call.thinking
    if asked is None:
        return None if call.reasoning_effort is None else Reasoning(effort=call.reasoning_effort)
    if asked.type == "disabled":
        return Reasoning(budget=0)
    return Reasoning(
        effort=call.reasoning_effort,
        budget=asked.budget_tokens,
        adaptive=asked.type == "adaptive" or asked.budget_tokens is None,
    )


def _format(
    asked: shape.FormatText | shape.FormatObject | shape.FormatSchema | None,
) -> Format | None:
    if isinstance(asked, shape.FormatSchema):
        schema = asked.json_schema
        return Format(
            kind="json_schema",
            name=schema.name,
            schema=schema.schema,
            strict=schema.strict,
            description=schema.description or "",
        )
    if isinstance(asked, shape.FormatObject):
        return Format(kind="json_object")
    return None if asked is None else Format(kind="text")


# --- tools ---------------------------------------------------------------------------------------


def _tool(tool: shape.FunctionTool | shape.CustomTool, at: str) -> Tool:
    cache = _cache_of(tool.cache_control)
    if isinstance(tool, shape.FunctionTool):
        function = tool.function
        return Tool(
            name=function.name,
            description=function.description or "",
            parameters=function.parameters,
            strict=function.strict,
            at=at,
            cache=cache,
        )
    custom = tool.custom
    grammar = (custom.format or {}).get("grammar")
    return Tool(
        name=custom.name,
        description=custom.description or "",
        custom=True,
        grammar=grammar if isinstance(grammar, dict) else None,
        at=at,
        cache=cache,
    )


def _tool_choice(choice: shape.Choice | None) -> ToolChoice | None:
    if choice is None:
        return None
    if isinstance(choice, shape.ChosenAllowed):
        allowed = choice.allowed_tools
        names = [_name(tool) for tool in allowed.tools]
        return ToolChoice(mode="named" if allowed.mode == "required" else "auto", names=names)
    if isinstance(choice, shape.ChosenFunction | shape.ChosenCustom):
        return ToolChoice(mode="named", names=[_name(choice)])
    return ToolChoice(mode=choice)


def _name(chosen: shape.ChosenFunction | shape.ChosenCustom) -> str:
    named = chosen.function if isinstance(chosen, shape.ChosenFunction) else chosen.custom
    return named.name


# --- messages ------------------------------------------------------------------------------------


def _message(message: shape.AnyMessage, at: str) -> Message:
    if isinstance(message, shape.Assistant):
        return Message(
            role="assistant", parts=list(_spoken(message, at)), name=message.name or "", at=at
        )
    if isinstance(message, shape.ToolAnswer):
        inner: list[Text | Media] = list(_texts(message.content, at))
        result = ToolResult(id=message.tool_call_id, parts=inner, name=message.name or "", at=at)
        return Message(role="tool", parts=[result], at=at)
    if isinstance(message, shape.OldFunctionAnswer):
        raise _outdated(f"{at}.role")
    parts: Sequence[Part] = (
        [_asked(part, f"{at}.content[{i}]") for i, part in enumerate(message.content)]
        if isinstance(message.content, list)
        else [Text(text=message.content, at=f"{at}.content")]
    )
    return Message(
        role="user" if isinstance(message, shape.User) else "system",
        parts=list(parts),
        name=message.name or "",
        at=at,
    )


def _match_results(messages: list[Message]) -> None:
    """Say of results what only their calls say: the tool's name, and whether it is a custom one."""
    calls: dict[str, ToolCall] = {}
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                calls[part.id] = part
            elif isinstance(part, ToolResult) and part.id in calls:
                part.name = part.name or calls[part.id].name
                part.custom = calls[part.id].custom


def _texts(content: str | list[shape.TextPart], at: str) -> Iterable[Text]:
    if isinstance(content, str):
        return [Text(text=content, at=f"{at}.content")]
    return [
        Text(text=part.text, at=f"{at}.content[{i}]", cache=_cache(part))
        for i, part in enumerate(content)
    ]


def _asked(part: shape.UserPart, at: str) -> Text | Media:
    if isinstance(part, shape.TextPart):
        return Text(text=part.text, at=at, cache=_cache(part))
    media = media_of(part, at)
    media.cache = _cache(part)
    return media


def _spoken(message: shape.Assistant, at: str) -> Iterable[Part]:
    """Yield the parts of the model's own turn: reasoning, words, calls."""
    if message.function_call is not None:
        raise _outdated(f"{at}.function_call")
    yield from _thought(message, at)
    signature = of_content(message.extra_content)
    if isinstance(message.content, str):
        if message.content or signature:
            yield Text(text=message.content, at=f"{at}.content", signature=signature)
    else:
        for i, part in enumerate(message.content or ()):
            where = f"{at}.content[{i}]"
            if isinstance(part, shape.RefusalPart):
                yield Refusal(text=part.refusal, at=where)
            else:
                yield Text(text=part.text, at=where, cache=_cache(part))
    if message.refusal is not None:
        yield Refusal(text=message.refusal, at=f"{at}.refusal")
    if message.audio is not None:
        yield Opaque(dialect=NAME, raw={"audio": message.audio}, at=f"{at}.audio")
    for i, image in enumerate(message.images or ()):
        yield image_of(image.image_url.url, f"{at}.images[{i}]")
    yield from _foreign_parts(message.sluicegate or {}, f"{at}.sluicegate")
    for i, call in enumerate(message.tool_calls or ()):
        yield _call(call, f"{at}.tool_calls[{i}]")


def _thought(message: shape.Assistant, at: str) -> Iterable[Thinking]:
    for i, block in enumerate(message.thinking_blocks or ()):
        yield of_block(block, f"{at}.thinking_blocks[{i}]")
    text = message.reasoning_content or message.reasoning
    if text and not message.thinking_blocks:
        name = "reasoning_content" if message.reasoning_content else "reasoning"
        yield Thinking(text=text, at=f"{at}.{name}")


def _foreign_parts(extension: dict[str, Any], at: str) -> Iterable[Opaque]:
    """Yield what an answer of ours carried for another dialect (`sluicegate.parts`)."""
    parts = extension.get("parts")
    for i, part in enumerate(parts if isinstance(parts, list) else ()):
        if isinstance(part, dict) and isinstance(part.get("raw"), dict):
            yield Opaque(
                dialect=str(part.get("dialect", "")), raw=part["raw"], at=f"{at}.parts[{i}]"
            )


def _call(call: shape.FunctionCall | shape.CustomCall, at: str) -> ToolCall:
    signature = of_content(call.extra_content)
    if isinstance(call, shape.CustomCall):
        return ToolCall(
            id=call.id,
            name=call.custom.name,
            arguments=call.custom.input,
            custom=True,
            signature=signature,
            at=at,
        )
    return ToolCall(
        id=call.id,
        name=call.function.name,
        arguments=call.function.arguments,
        signature=signature,
        at=at,
    )


def _cache(part: shape.Marked) -> Cache | None:
    return _cache_of(part.prompt_cache_breakpoint or part.cache_control)


def _cache_of(marker: shape.Breakpoint | None) -> Cache | None:
    return None if marker is None else Cache(marker.ttl or "")


def _outdated(field: str) -> CallError:
    return CallError(
        Failure(
            kind="unsupported",
            status=400,
            message=f"`{field}`: deprecated; use tools",
            field=field,
            ours=True,
        )
    )
