"""The canonical request to `generateContent`.

JSON schemas go as they are (`responseJsonSchema`, `parametersJsonSchema`: types.py, `Schema`:
"now supported natively by both"). A format's name and description become the schema's title and
description, where that has none. Tools that must be strict are `VALIDATED`, which holds
for all of a call. How much to think: models before Gemini 3 take a budget, the others a level
(ai.google.dev, "OpenAI compatibility", has the table from efforts to budgets). `max` is the highest
that there is, `none` a budget of 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.dialects.gemini_generate.contents_writer import NAME, OLD, ContentsWriter
from sluicegate.llm.dialects.gemini_generate.request_reader import JSON, TIERS

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Format, Reasoning, Request, Tool
    from sluicegate.llm.losses import Losses

SAME: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "max_tokens": "maxOutputTokens",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
BUDGETS: Final = {
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
LEVELS: Final = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
    "max": "XHIGH",
}
MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
ADAPTIVE: Final = -1
"""A budget as the model sees fit (types.py, `ThinkingConfig.thinking_budget`: "AUTOMATIC")."""
SHOWN: Final = "anthropic_messages"
"""Where thinking that was asked for is shown unless the caller says otherwise."""


def write_request(request: Request, losses: Losses) -> Outgoing:
    """Write a call; tell `losses` what is not in it. Raises CallError: a faulty call of history."""
    return Outgoing(msgspec.json.encode(plain(request, losses)))


def plain(request: Request, losses: Losses) -> dict[str, Any]:
    """Return the body as plain data."""
    extras = dict(request.extras)
    system, contents = ContentsWriter(request, losses).write()
    body: dict[str, Any] = {"contents": contents}
    if system is not None:
        body["systemInstruction"] = system
    tools = _tools(request.tools, request, losses)
    if tools:
        body["tools"] = tools
    tool_config = _tool_config(request)
    if tool_config:
        body["toolConfig"] = tool_config
    config = _config(request)
    if config:
        body["generationConfig"] = config
    if request.service_tier not in {None, "auto"}:
        tier = next((ours for ours, word in TIERS.items() if word == request.service_tier), None)
        if tier is None:
            losses.field("service_tier")
        else:
            body["serviceTier"] = tier
    _lose(request, losses)
    for path, value in extras.items():
        if request.dialect != NAME or not _put(body, path, value):
            losses.at(path)
    return body


def _lose(request: Request, losses: Losses) -> None:
    """Tell of every field that there is no word for, unless it asks for what happens anyway."""
    if request.parallel_tools is False:
        losses.field("parallel_tools")
    for name in ("min_p", "logit_bias", "verbosity", "user", "metadata"):
        if getattr(request, name):
            losses.field(name)
    if request.store:
        losses.field("store")
    if request.cache_key:  # a hint for a cache that works by itself here
        losses.hint("cache_key")


def _put(body: dict[str, Any], path: str, value: object) -> bool:
    """Put a field of this dialect back where it stood; False where that was within a list."""
    *outer, name = path.split(".")
    if "[" in path:
        return False
    for step in outer:
        body = body.setdefault(step, {})
    body[name] = value
    return True


def _tools(tools: list[Tool], request: Request, losses: Losses) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = []
    functions: list[dict[str, Any]] = []
    for tool in tools:
        if tool.cache is not None:
            losses.foreign(f"{tool.at}.cache_control")
        if tool.builtin is not None and request.dialect == NAME:
            written.append(tool.builtin)
        elif tool.builtin is not None or tool.custom:
            losses.at(tool.at)
        else:
            functions.append(_function(tool))
    return ([{"functionDeclarations": functions}] if functions else []) + written


def _function(tool: Tool) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    if tool.parameters is not None:
        declared["parametersJsonSchema"] = tool.parameters
    return declared


def _tool_config(request: Request) -> dict[str, Any]:
    choice = request.tool_choice
    strict = any(tool.strict for tool in request.tools)
    if choice is None or (choice.mode == "auto" and strict):
        return {"functionCallingConfig": {"mode": "VALIDATED"}} if strict else {}
    calling: dict[str, Any] = {"mode": MODES[choice.mode]}
    if choice.mode == "named":
        calling["allowedFunctionNames"] = choice.names
    return {"functionCallingConfig": calling}


def _config(request: Request) -> dict[str, Any]:
    config: dict[str, Any] = {
        theirs: value
        for ours, theirs in SAME.items()
        if (value := getattr(request, ours)) is not None
    }
    if request.stop:
        config["stopSequences"] = request.stop
    if request.format is not None:
        config |= _format(request.format)
    if request.reasoning is not None:
        thinking = _thinking(request.reasoning, request)
        if thinking:
            config["thinkingConfig"] = thinking
    return config


def _format(asked: Format) -> dict[str, Any]:
    if asked.kind == "text":
        return {"responseMimeType": "text/plain"}
    if asked.kind == "json_object" or asked.schema is None:
        return {"responseMimeType": JSON}
    schema = asked.schema
    if asked.name and "title" not in schema:
        schema = {"title": asked.name, **schema}
    if asked.description and "description" not in schema:
        schema = {"description": asked.description, **schema}
    return {"responseMimeType": JSON, "responseJsonSchema": schema}


def _thinking(reasoning: Reasoning, request: Request) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if reasoning.budget is not None:
        config["thinkingBudget"] = reasoning.budget
    elif reasoning.effort == "none":
        config["thinkingBudget"] = 0
    elif reasoning.effort is not None:
        if OLD.match(request.model):
            config["thinkingBudget"] = BUDGETS[reasoning.effort]
        else:
            config["thinkingLevel"] = LEVELS[reasoning.effort]
    elif reasoning.adaptive:
        config["thinkingBudget"] = ADAPTIVE
    shown = reasoning.shown
    if shown is None and config.get("thinkingBudget") != 0:
        shown = reasoning.summary is not None or (request.dialect == SHOWN and bool(config)) or None
    if shown is not None:
        config["includeThoughts"] = shown
    return config
