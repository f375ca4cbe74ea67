"""A Converse request to the canonical form.

Results of tools stand in messages of users; here they become messages of the role `tool`. What a
cache point follows is marked with it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from sluicegate.llm import canonical
from sluicegate.llm.dialects.bedrock_converse import formats, wire
from sluicegate.llm.failure import invalid
from sluicegate.llm.signature import opened
from sluicegate.llm.strict import read_strict

if TYPE_CHECKING:
    from sluicegate.llm.dialect import Incoming

DECODER: Final = msgspec.json.Decoder(wire.Request)

FAMILY: Final = "anthropic"
"""Of signatures: Claude's are good at Bedrock and elsewhere; no other model of it signs."""

STOP_PATH: Final = "/stop_sequence"
"""Where Claude's stop sequence is among the response's additional fields (user guide, "Call
Converse", `additionalModelResponseFieldPaths`). Paths that a model does not know are ignored."""

OWN_FIELDS: Final = (
    "guardrail_config",
    "prompt_variables",
    "performance_config",
)
CAMEL: Final = {
    "guardrail_config": "guardrailConfig",
    "prompt_variables": "promptVariables",
    "performance_config": "performanceConfig",
}


def read_request(incoming: Incoming, *, drop: bool) -> tuple[canonical.Request, list[str]]:
    """Read a body; model and stream are in the path. Raises CallError."""
    body, dropped = read_strict(DECODER, incoming.body, drop)
    inference = body.inference_config or wire.Inference()
    more = dict(body.additional_model_request_fields or {})
    reasoning = _reasoning(body.output_config, more)
    request = canonical.Request(
        dialect=wire.NAME,
        model=incoming.model,
        stream=incoming.stream,
        stream_usage=incoming.stream,
        messages=_messages(body),
        max_tokens=inference.max_tokens,
        temperature=inference.temperature,
        top_p=inference.top_p,
        top_k=_top_k(more),
        stop=list(inference.stop_sequences),
        reasoning=reasoning,
        format=_format(body.output_config),
        metadata=dict(body.request_metadata) if body.request_metadata is not None else None,
        service_tier=None if body.service_tier is None else body.service_tier.type,
        extras=_extras(body, more),
    )
    if body.tool_config is not None:
        request.tools = _tools(body.tool_config.tools)
        request.tool_choice = _choice(body.tool_config.tool_choice)
    return request, dropped


def _extras(body: wire.Request, more: dict[str, Any]) -> dict[str, Any]:
    extras = {
        CAMEL[name]: getattr(body, name) for name in OWN_FIELDS if getattr(body, name) is not None
    }
    if more:
        extras["additionalModelRequestFields"] = more
    paths = [path for path in body.additional_model_response_field_paths if path != STOP_PATH]
    if paths:
        extras["additionalModelResponseFieldPaths"] = paths
    return extras


def _top_k(more: dict[str, Any]) -> int | None:
    """Take Claude's word for it."""
    if type(more.get("top_k")) is int:
        return int(more.pop("top_k"))
    return None


def _reasoning(output: wire.Output | None, more: dict[str, Any]) -> canonical.Reasoning | None:
    """Take `outputConfig.effort` and Claude's `thinking` (user guide, "Extended thinking")."""
    effort = None if output is None else output.effort
    thinking = more.get("thinking")
    if not isinstance(thinking, dict) or set(thinking) - {"type", "budget_tokens", "display"}:
        return None if effort is None else canonical.Reasoning(effort=effort)
    del more["thinking"]
    display = thinking.get("display")
    reasoning = canonical.Reasoning(
        effort=effort, shown=None if display is None else display != "omitted"
    )
    kind, budget = thinking.get("type"), thinking.get("budget_tokens")
    if kind == "enabled" and isinstance(budget, int):
        reasoning.budget = budget
    elif kind == "disabled":
        reasoning.budget = 0
    elif kind == "adaptive":
        reasoning.adaptive = True
    else:
        raise invalid("additionalModelRequestFields.thinking", "not understood")
    return reasoning


def _format(output: wire.Output | None) -> canonical.Format | None:
    if output is None or output.text_format is None:
        return None
    schema = output.text_format.structure.json_schema
    path = "outputConfig.textFormat.structure.jsonSchema.schema"
    try:
        plain = json.loads(schema.schema)
    except ValueError:
        raise invalid(path, "is no JSON") from None
    if not isinstance(plain, dict):
        raise invalid(path, "is no object")
    return canonical.Format(
        kind="json_schema",
        name=schema.name,
        schema=plain,
        strict=True,
        description=schema.description,
    )


# --- tools ---------------------------------------------------------------------------------------


def _tools(tools: list[wire.Tool]) -> list[canonical.Tool]:
    read: list[canonical.Tool] = []
    for index, tool in enumerate(tools):
        at = f"toolConfig.tools[{index}]"
        if tool.cache_point is not None and read:
            read[-1].cache = canonical.Cache(tool.cache_point.ttl or "")
        elif tool.system_tool is not None:
            name = str(tool.system_tool.get("name", ""))
            read.append(canonical.Tool(name=name, builtin={"systemTool": tool.system_tool}, at=at))
        elif tool.tool_spec is not None:
            spec = tool.tool_spec
            read.append(
                canonical.Tool(
                    name=spec.name,
                    description=spec.description,
                    parameters=spec.input_schema.json,
                    strict=spec.strict,
                    at=at,
                )
            )
        else:
            raise invalid(at, "needs one member that is set")
    return read


def _choice(choice: wire.ToolChoice | None) -> canonical.ToolChoice | None:
    if choice is None:
        return None
    if choice.tool is not None:
        return canonical.ToolChoice(mode="named", names=[choice.tool.name])
    return canonical.ToolChoice(mode="auto" if choice.any is None else "required")


# --- messages ------------------------------------------------------------------------------------


def _messages(body: wire.Request) -> list[canonical.Message]:
    messages: list[canonical.Message] = []
    if body.system:
        blocks = [
            wire.Block(text=one.text, guard_content=one.guard_content, cache_point=one.cache_point)
            for one in body.system
        ]
        messages.append(
            canonical.Message(role="system", parts=_parts(blocks, "system"), at="system")
        )
    for index, message in enumerate(body.messages):
        at = f"messages[{index}]"
        _add(messages, message.role, _parts(message.content, f"{at}.content"), at)
    return messages


def _add(
    messages: list[canonical.Message], role: canonical.Role, parts: list[canonical.Part], at: str
) -> None:
    """Add a message; results of tools apart, with the role of their own."""
    run: list[canonical.Part] = []
    runs: list[tuple[canonical.Role, list[canonical.Part]]] = []
    for part in parts:
        whose: canonical.Role = "tool" if isinstance(part, canonical.ToolResult) else role
        if not runs or runs[-1][0] != whose:
            run = []
            runs.append((whose, run))
        run.append(part)
    for whose, run in runs or [(role, [])]:
        messages.append(canonical.Message(role=whose, parts=run, at=at))


def _parts(blocks: list[wire.Block], at: str) -> list[canonical.Part]:
    parts: list[canonical.Part] = []
    for index, block in enumerate(blocks):
        path = f"{at}[{index}]"
        if block.cache_point is None:
            parts.append(_part(block, path))
            continue
        marked = parts[-1] if parts else None
        if not isinstance(
            marked, canonical.Text | canonical.Media | canonical.ToolCall | canonical.ToolResult
        ):
            raise invalid(path, "there is nothing before it to cache")
        marked.cache = canonical.Cache(block.cache_point.ttl or "")
    return parts


def _part(block: wire.Block, at: str) -> canonical.Part:  # noqa: C901, PLR0911 - one line per kind
    if block.text is not None:
        return canonical.Text(text=block.text, at=at)
    if block.tool_use is not None and block.tool_use.type is None:
        use = block.tool_use
        arguments = msgspec.json.encode(use.input).decode()
        return canonical.ToolCall(id=use.tool_use_id, name=use.name, arguments=arguments, at=at)
    if block.tool_result is not None and block.tool_result.type is None:
        return _result(block.tool_result, at)
    if block.reasoning_content is not None:
        return _thinking(block.reasoning_content, at)
    if block.citations_content is not None:
        text = "".join(one.text for one in block.citations_content.content)
        return canonical.Text(text=text, citations=block.citations_content.citations, at=at)
    if block.image is not None:
        return _media("image", block.image, f"{at}.image")
    if block.video is not None:
        return _media("video", block.video, f"{at}.video")
    if block.audio is not None:
        return _media("audio", block.audio, f"{at}.audio")
    if block.document is not None and block.document.source.content is None:
        return _document(block.document, f"{at}.document")
    raw = {name: value for name, value in msgspec.to_builtins(block).items() if value is not None}
    if not raw:
        raise invalid(at, "needs one member that is set")
    return canonical.Opaque(dialect=wire.NAME, raw=_bare(raw), at=at)


def _bare(value: Any) -> Any:  # noqa: ANN401 - plain data
    """Leave out what is null: members that were not set."""
    if isinstance(value, dict):
        return {name: _bare(inner) for name, inner in value.items() if inner is not None}
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def _thinking(reasoning: wire.Reasoning, at: str) -> canonical.Thinking:
    if reasoning.redacted_content is not None:
        signature = canonical.Signature(FAMILY, reasoning.redacted_content)
        return canonical.Thinking(redacted=True, signature=signature, at=at)
    if reasoning.reasoning_text is None:
        raise invalid(at, "needs one member that is set")
    text = reasoning.reasoning_text
    signed = None if text.signature is None else opened(text.signature, FAMILY)
    return canonical.Thinking(text=text.text, signature=signed, at=at)


def _result(result: wire.ToolResult, at: str) -> canonical.ToolResult:
    parts: list[canonical.Text | canonical.Media] = []
    for index, block in enumerate(result.content):
        path = f"{at}.toolResult.content[{index}]"
        if block.text is not None:
            parts.append(canonical.Text(text=block.text, at=path))
        elif block.json is not UNSET:
            parts.append(canonical.Text(text=msgspec.json.encode(block.json).decode(), at=path))
        elif block.image is not None:
            parts.append(_media("image", block.image, f"{path}.image"))
        elif block.video is not None:
            parts.append(_media("video", block.video, f"{path}.video"))
        elif block.document is not None and block.document.source.content is None:
            parts.append(_document(block.document, f"{path}.document"))
        else:
            raise invalid(path, "only text, json, image, video and document can be translated")
    failed = result.status == "error"
    return canonical.ToolResult(id=result.tool_use_id, parts=parts, failed=failed, at=at)


def _media(kind: Any, media: wire.Media, at: str) -> canonical.Media:  # noqa: ANN401 - a literal
    type_ = formats.media_type(kind, media.format)
    if type_ is None:
        raise invalid(f"{at}.format", "an unknown format")
    return _sourced(canonical.Media(kind=kind, media_type=type_, at=at), media.source)


def _document(document: wire.Document, at: str) -> canonical.Media:
    type_ = formats.media_type("document", document.format or "")
    if type_ is None and document.format is not None:
        raise invalid(f"{at}.format", "an unknown format")
    media = canonical.Media(
        kind="document",
        media_type=type_ or "",
        name=document.name,
        context=document.context or "",
        cited=document.citations is not None and document.citations.enabled,
        at=at,
    )
    return _sourced(media, document.source)


def _sourced(media: canonical.Media, source: wire.Source) -> canonical.Media:
    media.data, media.text = source.bytes, source.text
    if source.s3_location is not None:
        media.url = source.s3_location.uri
    if (media.data is None) + (media.text is None) + (media.url is None) != 2:  # noqa: PLR2004
        raise invalid(f"{media.at}.source", "needs one member that is set")
    return media
