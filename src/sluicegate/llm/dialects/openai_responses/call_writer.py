"""Requests written for OpenAI's Responses API (openai/types/responses/response_create_params.py).

- What nobody asked to be stored is not: the API's own default is to store (`store`).
- Functions are strict here unless told otherwise, and nowhere else: `strict` is always said.
- Reasoning that is asked for is asked for with its signature (`reasoning.encrypted_content`), which
  models that do not reason refuse ("Encrypted content is not supported with this model").
- `stop`, `seed`, `top_k`, `min_p`, penalties, `logit_bias` and `n` have no words here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import json

from sluicegate.llm.dialects.openai_responses.call_reader import ENCRYPTED, LOGPROBS
from sluicegate.llm.dialects.openai_responses.input_writer import InputWriter
from sluicegate.llm.effort import effort_of

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Format, Reasoning, Request, Tool, ToolChoice
    from sluicegate.llm.losses import Losses

WORDLESS: Final = (
    "top_k",
    "min_p",
    "stop",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
)
TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
"""openai/types/responses/service_tier.py."""
SHARED: Final = frozenset(
    {"moderation", "prompt_cache_options", "prompt_cache_retention", "safety_identifier"}
)
"""What `openai_chat` has under the same names (openai/types/chat/completion_create_params.py)."""
STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def write_call(request: Request, losses: Losses) -> bytes:
    """Write a request; `losses` is told what is not in it."""
    writer = InputWriter(request, losses)
    body: dict[str, Any] = {"model": request.model, **writer.write()}
    if request.stream:
        body["stream"] = True
    _write_tools(request, body, losses)
    body |= _settings(request)
    if text := written_text(request):
        body["text"] = text
    if request.reasoning is not None and (config := written_reasoning(request.reasoning)):
        body["reasoning"] = config
    if include := _include(request, body):
        body["include"] = include
    if request.service_tier in TIERS:
        body["service_tier"] = request.service_tier
    elif request.service_tier is not None:
        losses.field("service_tier")
    body["store"] = request.store is True
    for name in WORDLESS:
        if getattr(request, name):
            losses.field(name)
    if (request.n or 1) > 1:
        losses.field("n")
    _write_extras(request, body, losses)
    return json.encode(body)


def _settings(request: Request) -> dict[str, Any]:
    fields = {
        "parallel_tool_calls": request.parallel_tools,
        "max_output_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_logprobs": request.top_logprobs,
        "user": request.user,
        "metadata": request.metadata,
        "prompt_cache_key": request.cache_key,
    }
    return {name: value for name, value in fields.items() if value is not None}


def written_text(request: Request) -> dict[str, Any]:
    """Write what the text must be; {} where nobody said."""
    text: dict[str, Any] = {}
    if request.format is not None:
        text["format"] = _format(request.format)
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    return text


def _format(found: Format) -> dict[str, Any]:
    if found.kind != "json_schema":
        return {"type": found.kind}
    written: dict[str, Any] = {
        "type": "json_schema",
        "name": found.name or "answer",
        "schema": found.schema or {},
    }
    if found.strict is not None:
        written["strict"] = found.strict
    if found.description:
        written["description"] = found.description
    return written


def written_reasoning(found: Reasoning) -> dict[str, Any]:
    """Write how to think; {} where nobody said."""
    config: dict[str, Any] = {}
    effort = effort_of(found)
    if effort is not None:
        config["effort"] = effort
    summary = found.summary or ("auto" if found.shown else None)
    if summary is not None:
        config["summary"] = summary
    return config


def _include(request: Request, body: dict[str, Any]) -> list[str]:
    include = [LOGPROBS] if request.logprobs else []
    if body.get("reasoning", {"effort": "none"}).get("effort") != "none":
        include.append(ENCRYPTED)
    return include


# --- tools ---------------------------------------------------------------------------------------


def _write_tools(request: Request, body: dict[str, Any], losses: Losses) -> None:
    if request.tools:
        body["tools"] = [written_tool(tool) for tool in request.tools]
    for tool in request.tools:
        if tool.cache is not None:
            losses.foreign(f"{tool.at}.cache_control")
        if tool.builtin is not None and request.dialect != "openai_responses":
            losses.at(tool.at)
    if request.tool_choice is not None:
        body["tool_choice"] = written_choice(request.tool_choice, request.tools)


def written_tool(tool: Tool) -> dict[str, Any]:
    """Write a tool."""
    if tool.builtin is not None:
        return tool.builtin
    written: dict[str, Any] = {"type": "custom" if tool.custom else "function", "name": tool.name}
    if tool.description:
        written["description"] = tool.description
    if tool.custom:
        if tool.grammar is not None:
            written["format"] = {"type": "grammar", **tool.grammar}
        return written
    written["parameters"] = tool.parameters
    written["strict"] = tool.strict is True
    return written


def written_choice(choice: ToolChoice, tools: list[Tool]) -> str | dict[str, Any]:
    """Write which tools must be called."""
    if choice.mode != "named":
        return choice.mode
    known = {tool.name: tool for tool in tools}
    chosen = [_reference(name, known.get(name)) for name in choice.names]
    if len(chosen) == 1:
        return chosen[0]
    return {"type": "allowed_tools", "mode": "required", "tools": chosen}


def _reference(name: str, tool: Tool | None) -> dict[str, Any]:
    if tool is not None and tool.builtin is not None:
        return {"type": name}
    return {"type": "custom" if tool is not None and tool.custom else "function", "name": name}


# --- fields of one dialect ------------------------------------------------------------------------


def _write_extras(request: Request, body: dict[str, Any], losses: Losses) -> None:
    for path, value in request.extras.items():
        own = request.dialect == "openai_responses"
        if path == "include" and own:
            body["include"] = [*body.get("include", ()), *value]
        elif own or (request.dialect == "openai_chat" and path in SHARED):
            _put(body, path, value)
        else:
            losses.at(path)


def _put(body: dict[str, Any], path: str, value: object) -> None:
    """Put a value where a path such as `tools[0].async` says, all of whose lists are there."""
    steps: list[Any] = [int(index) if index else name for name, index in STEP.findall(path)]
    here: Any = body
    for step in steps[:-1]:
        here = here.setdefault(step, {}) if isinstance(here, dict) else here[step]
    here[steps[-1]] = value
