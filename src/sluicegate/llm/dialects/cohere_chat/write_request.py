"""The canonical form to a chat request of Cohere's.

Cohere thinks or does not, within a budget or not: an effort becomes a budget. `strict_tools` is for
all tools at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.dialects.cohere_chat import wire
from sluicegate.llm.dialects.cohere_chat.read_request import EXTRAS
from sluicegate.llm.dialects.cohere_chat.write_messages import write_messages
from sluicegate.llm.effort import budget_of

if TYPE_CHECKING:
    from sluicegate.llm import canonical
    from sluicegate.llm.losses import Losses

ENCODER: Final = msgspec.json.Encoder()

UNSAID: Final = (
    "min_p",
    "logit_bias",
    "top_logprobs",
    "n",
    "verbosity",
    "store",
    "user",
    "metadata",
    "service_tier",
    "parallel_tools",
)
"""Fields that Cohere has not."""


def write_request(request: canonical.Request, losses: Losses) -> Outgoing:
    """Write a body."""
    said = {
        "model": request.model,
        "messages": write_messages(request, losses),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "p": request.top_p,
        "k": request.top_k,
        "stop_sequences": request.stop or None,
        "seed": request.seed,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "logprobs": request.logprobs,
        "response_format": _format(request.format),
        "thinking": _thinking(request.reasoning, losses),
        "stream": request.stream,
    }
    body = {name: value for name, value in said.items() if value is not None}
    _tools(request, body, losses)
    losses.fields(request, UNSAID)
    if request.cache_key is not None:
        losses.hint("cache_key")
    for name, value in request.extras.items():
        if request.dialect == wire.NAME and name in EXTRAS:
            body[name] = value
        else:
            losses.at(name)
    return Outgoing(ENCODER.encode(body))


def _format(wanted: canonical.Format | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    if wanted.kind == "json_schema":
        return {"type": "json_object", "json_schema": wanted.schema or {}}
    return {"type": wanted.kind}


def _thinking(reasoning: canonical.Reasoning | None, losses: Losses) -> dict[str, Any] | None:
    if reasoning is None:
        return None
    if reasoning.shown is False:
        losses.field("reasoning")
    budget = budget_of(reasoning)
    if budget is None:
        return None
    if budget == 0:
        return {"type": "disabled"}
    return {"type": "enabled"} | ({"token_budget": budget} if budget > 0 else {})


# --- tools ---------------------------------------------------------------------------------------


def _tools(request: canonical.Request, body: dict[str, Any], losses: Losses) -> None:
    tools = [tool for tool in request.tools if not tool.custom and tool.builtin is None]
    for tool in request.tools:
        if tool not in tools:
            losses.at(tool.at or f"tools.{tool.name}")
        elif tool.cache is not None:
            losses.foreign(f"{tool.at}.cache_control")
    if not tools:
        return
    body["tools"] = [_tool(tool) for tool in tools]
    strict = {tool.strict for tool in tools}
    if len(strict) == 1 and None not in strict:
        body["strict_tools"] = strict.pop()
    else:
        for tool in tools:
            if tool.strict:
                losses.at(f"{tool.at}.strict")
    _choice(request.tool_choice, {tool.name for tool in tools}, body, losses)


def _choice(
    choice: canonical.ToolChoice | None, names: set[str], body: dict[str, Any], losses: Losses
) -> None:
    """Write it: a tool by name can be asked for only where there are no others."""
    if choice is None or choice.mode == "auto":
        return
    if choice.mode == "named" and not names <= set(choice.names):
        losses.field("tool_choice")
    else:
        body["tool_choice"] = "NONE" if choice.mode == "none" else "REQUIRED"


def _tool(tool: canonical.Tool) -> dict[str, Any]:
    schema = tool.parameters
    function = {
        "name": tool.name,
        "parameters": {"type": "object", "properties": {}} if schema is None else schema,
    }
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}
