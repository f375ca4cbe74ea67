"""The canonical form to a Converse request.

The parameters of one vendor's models go into `additionalModelRequestFields`: Claude's `top_k` and
`thinking` (Bedrock user guide, "Anthropic Claude Messages API", "Extended thinking"), unless the
model's id names another vendor. An effort goes into `outputConfig.effort`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.dialects.anthropic_messages.thinking import words_for
from sluicegate.llm.dialects.bedrock_converse import wire
from sluicegate.llm.dialects.bedrock_converse.read_request import STOP_PATH
from sluicegate.llm.dialects.bedrock_converse.write_messages import write_messages
from sluicegate.llm.dialects.bedrock_converse.write_tools import write_tools
from sluicegate.llm.effort import effort_of

if TYPE_CHECKING:
    from sluicegate.llm import canonical
    from sluicegate.llm.losses import Losses

ENCODER: Final = msgspec.json.Encoder()

OTHER_VENDOR: Final = re.compile(
    r"(?:^|[./:])(?:ai21|amazon|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai|"
    r"nvidia|openai|qwen|stability|twelvelabs|writer|zai)\."
)
"""Vendors in ids of models (`us.amazon.nova-2-lite-v1:0`). An ARN may name none."""

TIERS: Final = frozenset({"priority", "default", "flex", "reserved"})
METADATA: Final = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,\-.]{0,256}")

OWN: Final = frozenset(
    {
        "guardrailConfig",
        "promptVariables",
        "performanceConfig",
        "additionalModelRequestFields",
        "additionalModelResponseFieldPaths",
    }
)
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
    "user",
    "parallel_tools",
)
"""Fields that Converse has not."""

SAID_ALIKE: Final = frozenset({wire.NAME, "anthropic_messages"})
"""Dialects whose callers say how much to think in the model's own words."""


def write_request(request: canonical.Request, losses: Losses) -> Outgoing:
    """Write a body; the model is in the path."""
    system, messages = write_messages(request, losses)
    body: dict[str, Any] = {"messages": messages}
    if system:
        body["system"] = system
    more: dict[str, Any] = {}
    paths: list[str] = [STOP_PATH] if request.stop else []
    for name, value in request.extras.items():
        if request.dialect != wire.NAME or name not in OWN:
            losses.at(name)
        elif name == "additionalModelRequestFields":
            more.update(value)
        elif name == "additionalModelResponseFieldPaths":
            paths += value
        else:
            body[name] = value
    tools = write_tools(request, losses)
    if tools is not None:
        body["toolConfig"] = tools
    _output(request, body, more, losses)
    _inference(request, body, _room(request, more))
    _rest(request, body, losses)
    if more:
        body["additionalModelRequestFields"] = more
    if paths:
        body["additionalModelResponseFieldPaths"] = paths
    return Outgoing(ENCODER.encode(body))


def _inference(request: canonical.Request, body: dict[str, Any], limit: int | None) -> None:
    inference = {
        "maxTokens": limit,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": request.stop or None,
    }
    said = {name: value for name, value in inference.items() if value is not None}
    if said:
        body["inferenceConfig"] = said


def _output(
    request: canonical.Request, body: dict[str, Any], more: dict[str, Any], losses: Losses
) -> None:
    """Write the format, and what only some models take."""
    output: dict[str, Any] = {}
    wanted = request.format
    if wanted is not None and wanted.kind == "json_schema":
        schema = {"schema": ENCODER.encode(wanted.schema or {}).decode()}
        if wanted.name:
            schema["name"] = wanted.name
        if wanted.description:
            schema["description"] = wanted.description
        output["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": schema}}
    elif wanted is not None and wanted.kind == "json_object":
        losses.field("format")
    if OTHER_VENDOR.search(request.model) is None:
        _claude(request, output, more)
    else:
        _others(request, output, losses)
    if output:
        body["outputConfig"] = output


def _claude(request: canonical.Request, output: dict[str, Any], more: dict[str, Any]) -> None:
    """Write `top_k`, and how much to think; leave room to speak behind a budget."""
    if request.top_k is not None:
        more["top_k"] = request.top_k
    words = words_for(request.reasoning, request.model, own=request.dialect in SAID_ALIKE)
    if words.thinking is not None:
        more["thinking"] = words.thinking
    if words.effort is not None:
        output["effort"] = words.effort


def _others(request: canonical.Request, output: dict[str, Any], losses: Losses) -> None:
    """Write an effort, all that models of other vendors have in common."""
    if request.top_k is not None:
        losses.field("top_k")
    reasoning = request.reasoning
    effort = None if reasoning is None else effort_of(reasoning)
    if effort == "none":
        losses.field("reasoning")
    elif effort is not None:
        output["effort"] = "low" if effort == "minimal" else effort


def _room(request: canonical.Request, more: dict[str, Any]) -> int | None:
    """Return the limit: above a budget that this gateway has chosen, for it must be."""
    limit, thinking = request.max_tokens, more.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if limit is None or request.dialect in SAID_ALIKE or not isinstance(budget, int):
        return limit
    return limit + budget if limit <= budget else limit


def _rest(request: canonical.Request, body: dict[str, Any], losses: Losses) -> None:
    tier = request.service_tier
    if tier in TIERS or tier == "standard_only":
        body["serviceTier"] = {"type": "default" if tier == "standard_only" else tier}
    elif tier not in (None, "auto"):
        losses.field("service_tier")
    if request.metadata is not None and _filterable(request.metadata):
        body["requestMetadata"] = request.metadata
    elif request.metadata:
        losses.field("metadata")
    losses.fields(request, UNSAID)
    if request.cache_key is not None:
        losses.hint("cache_key")


def _filterable(metadata: dict[str, Any]) -> bool:
    """Tell whether metadata can be kept with the log of a call (shape RequestMetadata)."""
    return all(
        isinstance(value, str) and METADATA.fullmatch(value) and METADATA.fullmatch(key)
        for key, value in metadata.items()
    )
