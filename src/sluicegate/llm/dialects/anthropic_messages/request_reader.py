"""A caller's body of `POST /v1/messages` to the canonical form.

Results of tools come in messages of the user here; each run of them becomes a message of the role
`tool`. A `cache_control` of the whole call is put where the API puts it: on the last block that can
be cached. What no other API has goes to `extras`, by its path; of those, `eager_input_streaming` is
left out, as the others stream a tool's arguments anyway.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Format,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sluicegate.llm.dialects.anthropic_messages import wire
from sluicegate.llm.dialects.anthropic_messages.extension import NAME
from sluicegate.llm.dialects.anthropic_messages.parts_reader import cache_of, part_of, text_part
from sluicegate.llm.failure import CallError, invalid
from sluicegate.llm.strict import read_strict

MODES: Final = {"auto": "auto", "any": "required", "tool": "named", "none": "none"}


def read_call(body: bytes, *, drop: bool, counting: bool = False) -> tuple[Request, list[str]]:
    """Read a call; `counting`: of tokens, which needs no `max_tokens`. Raises CallError."""
    call, dropped = read_strict(wire.CALL, body, drop)
    if call.max_tokens is None and not counting:
        raise invalid("max_tokens", "missing")
    request = Request(
        dialect=NAME,
        model=call.model,
        messages=_messages(call, body),
        stream=call.stream is True,
        stream_usage=True,
        max_tokens=call.max_tokens,
        temperature=call.temperature,
        top_p=call.top_p,
        top_k=call.top_k,
        stop=call.stop_sequences or [],
        user=call.metadata.user_id if call.metadata is not None else None,
        service_tier=call.service_tier,
        extras={name: value for name in wire.NATIVE if (value := getattr(call, name)) is not None},
    )
    _read_reasoning(call, request)
    _read_format(call, request)
    dropped += _read_tools(call, request, drop=drop)
    if call.cache_control is not None:
        _cache_all(request, call.cache_control)
    return request, dropped


# --- messages ------------------------------------------------------------------------------------


def _messages(call: wire.Call, body: bytes) -> list[Message]:
    messages: list[Message] = []
    if call.system:
        messages.append(Message(role="system", parts=_system(call.system), at="system"))
    plain: list[dict[str, Any]] = []

    def raw(message: int, block: int) -> dict[str, Any]:
        if not plain:
            plain.extend(msgspec.json.decode(body)["messages"])
        found: dict[str, Any] = plain[message]["content"][block]
        return found

    for number, message in enumerate(call.messages):
        at = f"messages[{number}]"
        if isinstance(message.content, str):
            parts: list[Part] = [Text(text=message.content, at=f"{at}.content")]
            messages.append(Message(role=message.role, parts=parts, at=at))
            continue
        parts = [
            part_of(block, f"{at}.content[{i}]", lambda n=number, i=i: raw(n, i))  # type: ignore[misc]
            for i, block in enumerate(message.content)
        ]
        messages.extend(_parted(message, parts, at))
    return messages


def _system(system: str | list[wire.TextBlock]) -> list[Part]:
    if isinstance(system, str):
        return [Text(text=system, at="system")]
    return [text_part(block, f"system[{index}]") for index, block in enumerate(system)]


def _parted(message: wire.MessageIn, parts: list[Part], at: str) -> list[Message]:
    """Cut a turn of the user where results of tools begin and end."""
    if message.role != "user":
        return [Message(role=message.role, parts=parts, at=at)]
    messages: list[Message] = []
    for part in parts:
        result = isinstance(part, ToolResult) or (
            isinstance(part, Opaque) and part.raw.get("type") == "tool_result"
        )
        role = "tool" if result else "user"
        if not messages or messages[-1].role != role:
            messages.append(Message(role="tool" if result else "user", parts=[], at=at))
        messages[-1].parts.append(part)
    return messages or [Message(role="user", parts=[], at=at)]


def _cache_all(request: Request, control: wire.CacheControl) -> None:
    for message in reversed(request.messages):
        for part in reversed(message.parts):
            if isinstance(part, Text | Media | ToolCall | ToolResult):
                part.cache = part.cache or cache_of(control)
                return


# --- fields --------------------------------------------------------------------------------------


def _read_reasoning(call: wire.Call, request: Request) -> None:
    effort = call.output_config.effort if call.output_config is not None else None
    thinking = call.thinking
    if thinking is None and effort is None:
        return
    reasoning = Reasoning(effort=effort)
    request.reasoning = reasoning
    if isinstance(thinking, wire.Disabled):
        reasoning.budget = 0
    elif isinstance(thinking, wire.BetweenTools):
        request.extras["thinking"] = {"type": "between_tools"}
    elif thinking is not None:
        if isinstance(thinking, wire.Enabled):
            reasoning.budget = thinking.budget_tokens
        else:
            reasoning.adaptive = True
        if thinking.display is not None:
            reasoning.shown = thinking.display != "omitted"
        if thinking.block_binding is not None:
            request.extras["thinking.block_binding"] = thinking.block_binding
        if thinking.display == "updates":
            request.extras["thinking.display"] = thinking.display
    if reasoning == Reasoning():
        request.reasoning = None


def _read_format(call: wire.Call, request: Request) -> None:
    config = call.output_config
    wanted = config.format if config is not None and config.format is not None else None
    wanted = wanted or call.output_format
    if wanted is not None:
        request.format = Format(kind="json_schema", schema=wanted.schema)
    if config is not None and config.task_budget is not None:
        request.extras["output_config.task_budget"] = config.task_budget


def _read_tools(call: wire.Call, request: Request, *, drop: bool) -> list[str]:
    dropped: list[str] = []
    request.tools = [
        _tool(tool, f"tools[{index}]", request, dropped, drop=drop)
        for index, tool in enumerate(call.tools or ())
    ]
    choice = call.tool_choice
    if choice is None:
        return dropped
    if choice.type == "tool" and choice.name is None:
        raise invalid("tool_choice.name", "missing")
    names = [choice.name] if choice.type == "tool" and choice.name is not None else []
    request.tool_choice = ToolChoice(mode=MODES[choice.type], names=names)  # type: ignore[arg-type]
    if choice.disable_parallel_tool_use is not None:
        request.parallel_tools = not choice.disable_parallel_tool_use
    return dropped


def _tool(
    plain: dict[str, Any], at: str, request: Request, dropped: list[str], *, drop: bool
) -> Tool:
    kind = plain.get("type")
    if isinstance(kind, str) and kind != "custom":
        return Tool(name=kind, builtin=plain, at=at)
    try:
        tool, lost = read_strict(wire.FUNCTION_TOOL, msgspec.json.encode(plain), drop)
    except CallError as error:
        inner = error.failure.field or ""
        what = error.failure.message.removeprefix(f"`{inner}`: ")
        raise invalid(f"{at}.{inner}".removesuffix("."), what) from None
    dropped.extend(f"{at}.{path}" for path in lost)
    for name in wire.TOOL_NATIVE:
        value = getattr(tool, name)
        if value not in (None, False, [], ["direct"]):
            request.extras[f"{at}.{name}"] = value
    return Tool(
        name=tool.name,
        description=tool.description or "",
        parameters=tool.input_schema,
        strict=tool.strict,
        at=at,
        cache=cache_of(tool.cache_control),
    )
