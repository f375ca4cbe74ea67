"""Requests of OpenAI's Responses API, read strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sluicegate.llm.canonical import (
    Format,
    Reasoning,
    Request,
    Tool,
    ToolChoice,
)
from sluicegate.llm.dialects.openai_responses import call_shape as shape
from sluicegate.llm.dialects.openai_responses.input_reader import read_input
from sluicegate.llm.dialects.openai_responses.raw_list import read_one, read_plain, type_of
from sluicegate.llm.failure import invalid
from sluicegate.llm.strict import read_strict

if TYPE_CHECKING:
    from msgspec import Raw

LOGPROBS: Final = "message.output_text.logprobs"
ENCRYPTED: Final = "reasoning.encrypted_content"
"""Answers hold signed reasoning whether asked for or not."""


def read_call(body: bytes, *, drop: bool) -> tuple[Request, list[str]]:
    """Read a request, and the fields dropped as unknown. Raises CallError."""
    call, dropped = read_strict(shape.CALL, body, drop)
    extras = _extras(call)
    tools = _tools(call.tools or [], extras, drop=drop, dropped=dropped)
    include = call.include or []
    stream = bool(call.stream)
    logprobs = LOGPROBS in include or bool(call.top_logprobs)
    request = Request(
        dialect="openai_responses",
        model=call.model,
        messages=read_input(call, drop=drop, dropped=dropped),
        stream=stream,
        stream_usage=stream,
        tools=tools,
        tool_choice=_tool_choice(call.tool_choice, extras),
        parallel_tools=call.parallel_tool_calls,
        max_tokens=call.max_output_tokens,
        temperature=call.temperature,
        top_p=call.top_p,
        logprobs=logprobs or None,
        top_logprobs=call.top_logprobs,
        format=_format(call.text),
        verbosity=call.text.verbosity if call.text else None,
        reasoning=_reasoning(call.reasoning, extras),
        user=call.safety_identifier if call.user is None else call.user,
        metadata=call.metadata,
        service_tier=call.service_tier,
        store=call.store or None,  # what others do anyway
        cache_key=call.prompt_cache_key,
        extras=extras,
    )
    return request, dropped


def _extras(call: shape.Call) -> dict[str, Any]:
    """Return what only this API has, but for what is so anyway."""
    extras = {name: value for name in shape.ALONE if (value := getattr(call, name)) is not None}
    if call.truncation not in {None, "disabled"}:
        extras["truncation"] = call.truncation
    if call.background:
        extras["background"] = True
    if call.user is not None and call.safety_identifier is not None:
        extras["safety_identifier"] = call.safety_identifier
    rest = [name for name in call.include or () if name not in {LOGPROBS, ENCRYPTED}]
    if rest:
        extras["include"] = rest
    return extras


def _format(text: shape.TextConfig | None) -> Format | None:
    if text is None or text.format is None:
        return None
    found = text.format
    if found.type == "json_schema" and (found.name is None or found.schema is None):
        missing = "name" if found.name is None else "schema"
        raise invalid(f"text.format.{missing}", "missing")
    return Format(
        kind=found.type,
        name=found.name or "",
        schema=found.schema,
        strict=found.strict,
        description=found.description or "",
    )


def _reasoning(config: shape.ReasoningConfig | None, extras: dict[str, Any]) -> Reasoning | None:
    if config is None:
        return None
    if config.context not in {None, "auto"}:
        extras["reasoning.context"] = config.context
    if config.mode not in {None, "standard"}:
        extras["reasoning.mode"] = config.mode
    summary = config.summary if config.generate_summary is None else config.generate_summary
    if config.effort is None and summary is None:
        return None
    return Reasoning(effort=config.effort, summary=summary, shown=None if summary is None else True)


# --- tools ---------------------------------------------------------------------------------------


def _tools(
    raws: list[Raw], extras: dict[str, Any], *, drop: bool, dropped: list[str]
) -> list[Tool]:
    return [
        _tool(raw, f"tools[{index}]", extras, drop=drop, dropped=dropped)
        for index, raw in enumerate(raws)
    ]


def _tool(raw: Raw, at: str, extras: dict[str, Any], *, drop: bool, dropped: list[str]) -> Tool:
    kind = type_of(raw, at)
    if kind == "function":
        tool = read_one(shape.FUNCTION_TOOL, raw, at, drop=drop, dropped=dropped)
        _tool_extras(tool, at, extras)
        if tool.output_schema is not None:
            extras[f"{at}.output_schema"] = tool.output_schema
        return Tool(
            name=tool.name,
            description=tool.description or "",
            parameters=tool.parameters,
            strict=tool.strict or None,  # what others do anyway
            at=at,
        )
    if kind == "custom":
        custom = read_one(shape.CUSTOM_TOOL, raw, at, drop=drop, dropped=dropped)
        _tool_extras(custom, at, extras)
        return Tool(
            name=custom.name,
            description=custom.description or "",
            custom=True,
            grammar=_grammar(custom.format, at),
            at=at,
        )
    if not kind:
        raise invalid(f"{at}.type", "missing")
    return Tool(name=kind, builtin=read_plain(raw), at=at)


def _tool_extras(
    tool: shape.FunctionTool | shape.CustomTool, at: str, extras: dict[str, Any]
) -> None:
    if tool.allowed_callers not in (None, ["direct"]):
        extras[f"{at}.allowed_callers"] = tool.allowed_callers
    if tool.defer_loading:
        extras[f"{at}.defer_loading"] = True
    if tool.background:
        extras[f"{at}.async"] = True


def _grammar(found: dict[str, Any] | None, at: str) -> dict[str, Any] | None:
    if found is None or found == {"type": "text"}:
        return None
    if found.get("type") != "grammar":
        raise invalid(f"{at}.format.type", "neither `text` nor `grammar`")
    return {name: value for name, value in found.items() if name != "type"}


def _tool_choice(found: str | dict[str, Any] | None, extras: dict[str, Any]) -> ToolChoice | None:
    match found:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(mode=found)
        case {"type": "function" | "custom", "name": str(name), **rest} if not rest:
            return ToolChoice(mode="named", names=[name])
        case {"type": "allowed_tools", "mode": "required", "tools": [*tools], **rest} if not rest:
            names = [_chosen(tool) for tool in tools]
            if all(names):
                return ToolChoice(mode="named", names=names)
        case {"type": str(kind), **rest} if not rest:
            return ToolChoice(mode="named", names=[kind])
        case {"type": str()}:
            pass
        case _:
            raise invalid("tool_choice", "neither `auto`, `none`, `required` nor a tool")
    extras["tool_choice"] = found
    return None


def _chosen(tool: object) -> str:
    """Return the name of a tool of `allowed_tools`; "" where a name alone does not say it."""
    match tool:
        case {"type": "function" | "custom", "name": str(name), **rest} if not rest:
            return name
        case {"type": str(kind), **rest} if not rest:
            return kind
    return ""
