"""The canonical form to a body of `POST /v1/messages`.

Sent with API version 2023-06-01, which takes every field of the later one and sampling parameters
too (platform.claude.com, "Versions"). `max_tokens` must be there: DEFAULT_MAX_TOKENS where a caller
gave none, beside the budget for thinking. System messages that stand first become `system`; others
stay where they are, which Claude takes from Opus 4.8 on. Results of tools, and what the user says
after them, are one turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm.canonical import Format, Part, Request, Text, Tool
from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.dialects.anthropic_messages import wire
from sluicegate.llm.dialects.anthropic_messages.extension import NAME
from sluicegate.llm.dialects.anthropic_messages.parts_writer import Block, PartsWriter, cached
from sluicegate.llm.dialects.anthropic_messages.thinking import words_for

if TYPE_CHECKING:
    from sluicegate.llm.losses import Losses

HEADERS: Final = ((b"anthropic-version", b"2023-06-01"),)
DEFAULT_MAX_TOKENS: Final = 4096
"""As LiteLLM and pydantic-ai (pull request 1994) have it: every Claude model can say that much."""
ENCODER: Final = msgspec.json.Encoder()
MAX_TEMPERATURE: Final = 1.0
"""Other vendors' go up to 2."""
MODES: Final = {"auto": "auto", "required": "any", "none": "none"}
TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
UNSAID: Final = (
    "min_p",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "n",
    "verbosity",
    "store",
)
"""Fields that this API has not."""


def write_call(request: Request, losses: Losses) -> Outgoing:
    """Write a call."""
    own = request.dialect == NAME
    body: dict[str, Any] = {"model": request.model}
    _write_limits(request, body, own=own)
    _write_messages(request, body, PartsWriter(losses, own=own), losses)
    _write_tools(request, body, losses)
    _write_format(request, body, losses)
    _write_sampling(request, body, losses)
    _write_person(request, body, losses)
    losses.fields(request, UNSAID)
    if request.cache_key is not None:
        losses.hint("cache_key")
    _write_extras(request, body, losses, own=own)
    if request.stream:
        body["stream"] = True
    return Outgoing(ENCODER.encode(body), HEADERS)


def _write_limits(request: Request, body: dict[str, Any], *, own: bool) -> None:
    words = words_for(request.reasoning, request.model, own=own)
    budget = words.thinking.get("budget_tokens", 0) if words.thinking is not None else 0
    limit = request.max_tokens
    if limit is None:
        limit = DEFAULT_MAX_TOKENS + budget
    elif not own and limit <= budget:
        limit += budget  # the budget must be less; the caller's limit is for what is said
    body["max_tokens"] = limit
    if words.thinking is not None:
        body["thinking"] = words.thinking
    if words.effort is not None:
        body["output_config"] = {"effort": words.effort}


# --- messages ------------------------------------------------------------------------------------


def _write_messages(
    request: Request, body: dict[str, Any], writer: PartsWriter, losses: Losses
) -> None:
    messages = request.messages
    first = 0
    system: list[Part] = []
    while first < len(messages) and messages[first].role == "system":
        system += messages[first].parts
        first += 1
    if system:
        body["system"] = _content(system, writer)
    turns: list[dict[str, Any]] = []
    results: list[Block] | None = None  # the turn that they are in, while it goes on
    for message in messages[first:]:
        if message.name:
            losses.at(f"{message.at}.name")
        role = "user" if message.role == "tool" else message.role
        if results is not None and role == "user":
            results += writer.blocks(message.parts)
            continue
        results = writer.blocks(message.parts) if message.role == "tool" else None
        content = _content(message.parts, writer) if results is None else results
        if content:
            turns.append({"role": role, "content": content})
    body["messages"] = turns


def _content(parts: list[Part], writer: PartsWriter) -> str | list[Block]:
    """Return plain text where it is all there is."""
    only = parts[0] if len(parts) == 1 else None
    if isinstance(only, Text) and only.cache is None and not only.citations:
        return only.text
    return writer.blocks(parts)


# --- fields --------------------------------------------------------------------------------------


def _write_tools(request: Request, body: dict[str, Any], losses: Losses) -> None:
    tools = [
        written for tool in request.tools if (written := _tool(tool, request, losses)) is not None
    ]
    if tools:
        body["tools"] = tools
    choice = request.tool_choice
    if choice is not None and choice.mode == "named" and len(choice.names) != 1:
        losses.field("tool_choice")
        choice = None
    if choice is None:
        if request.parallel_tools is False and tools:
            body["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
        return
    if not tools and choice.mode in ("auto", "none"):
        return
    written = {"type": MODES.get(choice.mode, "tool")}
    if choice.mode == "named":
        written["name"] = choice.names[0]
    body["tool_choice"] = written
    if request.parallel_tools is not None and choice.mode != "none":
        body["tool_choice"] |= {"disable_parallel_tool_use": not request.parallel_tools}


def _tool(tool: Tool, request: Request, losses: Losses) -> dict[str, Any] | None:
    if tool.builtin is not None and request.dialect == NAME:
        return tool.builtin
    if tool.builtin is not None or tool.custom:
        losses.at(tool.at)
        return None
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["input_schema"] = tool.parameters or {"type": "object", "properties": {}}
    if tool.strict is not None:
        written["strict"] = tool.strict
    return cached(written, tool.cache)


def _write_format(request: Request, body: dict[str, Any], losses: Losses) -> None:
    wanted = request.format
    if wanted is None or wanted.kind == "text":
        return
    if wanted.kind == "json_object" or wanted.schema is None:
        losses.field("format")
        return
    config = body.setdefault("output_config", {})
    config["format"] = {"type": "json_schema", "schema": _described(wanted.schema, wanted)}


def _described(schema: dict[str, Any], wanted: Format) -> dict[str, Any]:
    if wanted.description and "description" not in schema:
        return {**schema, "description": wanted.description}
    return schema


def _write_sampling(request: Request, body: dict[str, Any], losses: Losses) -> None:
    if request.temperature is not None and request.temperature > MAX_TEMPERATURE:
        losses.field("temperature")
    elif request.temperature is not None:
        body["temperature"] = request.temperature
    if request.top_p is not None:
        body["top_p"] = request.top_p
    if request.top_k is not None:
        body["top_k"] = request.top_k
    if request.stop:
        body["stop_sequences"] = request.stop


def _write_person(request: Request, body: dict[str, Any], losses: Losses) -> None:
    user = request.user
    metadata = request.metadata or {}
    if user is None and set(metadata) == {"user_id"}:
        user = metadata["user_id"]
    elif metadata:
        losses.field("metadata")
    if user is not None:
        body["metadata"] = {"user_id": user}
    tier = request.service_tier
    if tier is not None and request.dialect == NAME:
        body["service_tier"] = tier
    elif tier is not None and tier in TIERS:
        body["service_tier"] = TIERS[tier]
    elif tier is not None:
        losses.field("service_tier")


def _write_extras(request: Request, body: dict[str, Any], losses: Losses, *, own: bool) -> None:
    for path, value in request.extras.items():
        owner, _, name = path.partition(".")
        if not own:
            losses.at(path)
        elif path in wire.NATIVE:
            body[path] = value
        elif owner.startswith("tools["):
            body["tools"][int(owner[6:-1])][name] = value
        elif owner in ("thinking", "output_config"):
            if name:
                body.setdefault(owner, {})[name] = value
            else:
                body[owner] = value
        else:
            losses.at(path)
