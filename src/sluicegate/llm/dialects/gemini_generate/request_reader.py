"""A caller's `generateContent` to the canonical request.

`extras` hold what this dialect alone has, by path: `safetySettings`, `cachedContent`,
`generationConfig.speechConfig` and the like; what says nothing (an empty list, false) is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from sluicegate.llm.canonical import (
    Effort,
    Format,
    Message,
    Reasoning,
    Request,
    Tool,
    ToolChoice,
)
from sluicegate.llm.dialects.gemini_generate import wire
from sluicegate.llm.dialects.gemini_generate.contents_reader import ContentsReader
from sluicegate.llm.dialects.gemini_generate.schema import closed, json_schema
from sluicegate.llm.dialects.gemini_generate.spelling import camel, read_spelled
from sluicegate.llm.failure import invalid

if TYPE_CHECKING:
    from sluicegate.llm.dialect import Incoming

NAME: Final = "gemini_generate"
NAMED: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Names of formats, as OpenAI has them."""
JSON: Final = "application/json"
DECODER: Final = msgspec.json.Decoder(wire.Request)
TOP_EXTRAS: Final = (
    "cached_content",
    "continuation_token",
    "labels",
    "model_armor_config",
    "output_config",
    "safety_settings",
)
CONFIG_EXTRAS: Final = (
    "audio_timestamp",
    "audio_transcription_config",
    "enable_affective_dialog",
    "enable_enhanced_civic_answers",
    "image_config",
    "media_resolution",
    "model_config",
    "response_format",
    "routing_config",
    "speech_config",
    "translation_config",
)
EFFORTS: Final = frozenset({"minimal", "low", "medium", "high", "xhigh"})
"""`thinkingLevel`, in upper case on the wire (types.py, `ThinkingLevel`)."""
TIERS: Final = {"standard": "default", "flex": "flex", "priority": "priority"}
"""`serviceTier` (types.py, `ServiceTier`) to the canonical word, which is OpenAI's."""


def read_request(incoming: Incoming, *, drop: bool) -> tuple[Request, list[str]]:
    """Read a request, and the unknown fields that were dropped. Raises CallError."""
    read, dropped = read_spelled(DECODER, incoming.body, drop=drop)
    return canonical(read, incoming.model, stream=incoming.stream), dropped


def canonical(read: wire.Request, model: str, *, stream: bool) -> Request:
    """Return a request in the canonical form. Raises CallError."""
    extras: dict[str, Any] = {}
    contents = ContentsReader(extras)
    messages = _system(read.system_instruction, contents) + contents.read(read.contents)
    request = Request(dialect=NAME, model=model, messages=messages, stream=stream)
    request.stream_usage = stream
    _extra(read, TOP_EXTRAS, "", extras)
    request.tools = _tools(read.tools, extras)
    if read.tool_config is not None:
        _choose(read.tool_config, request, extras)
    if read.generation_config is not None:
        _configure(read.generation_config, request, extras)
    if read.service_tier not in {None, "", "unspecified"}:
        tier = str(read.service_tier).lower()
        if tier not in TIERS:
            raise invalid("serviceTier", "expected `standard`, `flex` or `priority`")
        request.service_tier = TIERS[tier]
    if read.store:  # it is about Google's logs, and no object that can be fetched
        extras["store"] = True
    request.extras = extras
    return request


def _system(content: wire.Content | None, contents: ContentsReader) -> list[Message]:
    at = "systemInstruction"
    parts = [] if content is None else list(contents.parts(content, at))
    return [Message(role="system", parts=parts, at=at)] if parts else []


def _extra(read: object, names: tuple[str, ...], at: str, extras: dict[str, Any]) -> None:
    for name in names:
        value = getattr(read, name)
        if value:
            extras[at + camel(name)] = value


def _tools(tools: list[wire.Tool] | wire.Tool | None, extras: dict[str, Any]) -> list[Tool]:
    read: list[Tool] = []
    for index, tool in enumerate(tools if isinstance(tools, list) else [tools] if tools else []):
        at = f"tools[{index}]" if isinstance(tools, list) else "tools"
        for number, declared in enumerate(tool.function_declarations or []):
            read.append(_function(declared, f"{at}.functionDeclarations[{number}]", extras))
        for name in tool.__struct_fields__:
            value = getattr(tool, name)
            if value is not None and name != "function_declarations":
                spelled = camel(name)
                read.append(Tool(name=spelled, builtin={spelled: value}, at=f"{at}.{spelled}"))
    return read


def _function(declared: wire.FunctionDeclaration, at: str, extras: dict[str, Any]) -> Tool:
    tool = Tool(name=declared.name, description=declared.description or "", at=at)
    tool.parameters = declared.parameters_json_schema
    if declared.parameters is not None:
        tool.parameters = json_schema(declared.parameters, f"{at}.parameters")
    _extra(declared, ("response", "response_json_schema", "behavior"), f"{at}.", extras)
    return tool


def _choose(config: wire.ToolConfig, request: Request, extras: dict[str, Any]) -> None:
    at = "toolConfig."
    _extra(config, ("retrieval_config", "include_server_side_tool_invocations"), at, extras)
    calling = config.function_calling_config
    if calling is None:
        return
    at += "functionCallingConfig."
    _extra(calling, ("stream_function_call_arguments",), at, extras)
    names = calling.allowed_function_names or []
    match (calling.mode or "AUTO").upper():
        case "ANY":
            request.tool_choice = ToolChoice(mode="named" if names else "required", names=names)
        case "NONE":
            request.tool_choice = ToolChoice(mode="none")
        case "VALIDATED":
            for tool in request.tools:
                tool.strict = True if tool.builtin is None else None
            if names:
                extras[f"{at}allowedFunctionNames"] = names
        case "AUTO" | "MODE_UNSPECIFIED":
            if calling.mode:
                request.tool_choice = ToolChoice(mode="auto")
        case _:
            raise invalid(f"{at}mode", "expected `AUTO`, `ANY`, `NONE` or `VALIDATED`")


def _configure(config: wire.GenerationConfig, request: Request, extras: dict[str, Any]) -> None:
    at = "generationConfig."
    _extra(config, CONFIG_EXTRAS, at, extras)
    if config.top_k is not None:
        request.top_k = int(config.top_k)
    request.temperature = config.temperature
    request.top_p = config.top_p
    request.n = config.candidate_count
    request.max_tokens = config.max_output_tokens
    request.stop = config.stop_sequences or []
    request.logprobs = config.response_logprobs
    request.top_logprobs = config.logprobs
    request.presence_penalty = config.presence_penalty
    request.frequency_penalty = config.frequency_penalty
    request.seed = config.seed
    if [one.upper() for one in config.response_modalities or []] not in ([], ["TEXT"]):
        extras[f"{at}responseModalities"] = config.response_modalities
    request.format = _format(config, extras)
    if config.thinking_config is not None:
        request.reasoning = _reasoning(config.thinking_config)


def _format(config: wire.GenerationConfig, extras: dict[str, Any]) -> Format | None:
    at = "generationConfig."
    schema = config.response_json_schema
    if config.response_schema is not None:
        schema = json_schema(config.response_schema, f"{at}responseSchema")
    kind = config.response_mime_type
    if kind in {None, "", JSON}:
        if schema is not None:
            return _json_schema(schema)
        return Format(kind="json_object") if kind else None
    if kind == "text/plain":
        return Format(kind="text")
    extras[f"{at}responseMimeType"] = kind
    if schema is not None:
        extras[f"{at}responseJsonSchema"] = schema
    return None


def _json_schema(schema: dict[str, Any]) -> Format:
    """Return the format of a schema; a title that can be one is its name, as elsewhere."""
    title = schema.get("title")
    name = title if isinstance(title, str) and NAMED.fullmatch(title) else ""
    if name:
        schema = {key: value for key, value in schema.items() if key != "title"}
    return Format(
        kind="json_schema", name=name, schema=schema, strict=True if closed(schema) else None
    )


def _reasoning(config: wire.ThinkingConfig) -> Reasoning:
    level = (config.thinking_level or "").lower()
    if level not in {"", "thinking_level_unspecified", *EFFORTS}:
        raise invalid("generationConfig.thinkingConfig.thinkingLevel", "not one of the levels")
    return Reasoning(
        effort=cast("Effort", level) if level in EFFORTS else None,
        budget=config.thinking_budget,
        shown=config.include_thoughts,
    )
