"""Tools of the canonical form to those of Converse.

`tool_choice: none` has no word (shape ToolChoice): the tools are left out, which is the same
and announced, unless the history has calls, for then Converse insists on tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluicegate.llm import canonical
from sluicegate.llm.dialects.bedrock_converse import wire
from sluicegate.llm.dialects.bedrock_converse.write_messages import cache_point

if TYPE_CHECKING:
    from sluicegate.llm.losses import Losses


def write_tools(request: canonical.Request, losses: Losses) -> dict[str, Any] | None:
    """Return `toolConfig`; None for none."""
    choice = request.tool_choice
    if choice is not None and choice.mode == "none" and request.tools:
        if not _calls(request):
            for tool in request.tools:
                losses.foreign(tool.at or f"tools.{tool.name}")
            return None
        losses.field("tool_choice")
    tools: list[dict[str, Any]] = []
    for tool in request.tools:
        written = _tool(tool, request.dialect)
        if written is None:
            losses.at(tool.at or f"tools.{tool.name}")
            continue
        tools.append(written)
        if tool.cache is not None:
            tools += cache_point(tool.cache, tool.at, losses)
    if not tools:
        return None
    config: dict[str, Any] = {"tools": tools}
    if choice is not None and choice.mode != "none":
        word = _choice(choice, {tool.name for tool in request.tools})
        if word is None:
            losses.field("tool_choice")
        else:
            config["toolChoice"] = word
    return config


def _choice(choice: canonical.ToolChoice, names: set[str]) -> dict[str, Any] | None:
    """Return the choice; None where there is no word for it: several tools of more."""
    if choice.mode == "auto":
        return {"auto": {}}
    if choice.mode == "required":
        return {"any": {}}
    if len(choice.names) == 1:
        return {"tool": {"name": choice.names[0]}}
    return {"any": {}} if set(choice.names) >= names else None


def _calls(request: canonical.Request) -> bool:
    """Tell whether the history has calls."""
    return any(
        isinstance(part, canonical.ToolCall | canonical.ToolResult)
        for message in request.messages
        for part in message.parts
    )


def _tool(tool: canonical.Tool, dialect: str) -> dict[str, Any] | None:
    if tool.builtin is not None:
        return tool.builtin if dialect == wire.NAME else None
    if tool.custom:
        return None
    schema = tool.parameters
    spec: dict[str, Any] = {
        "name": tool.name,
        "inputSchema": {"json": {"type": "object"} if schema is None else schema},
    }
    if tool.description:
        spec["description"] = tool.description
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return {"toolSpec": spec}
