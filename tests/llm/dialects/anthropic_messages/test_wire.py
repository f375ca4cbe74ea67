from __future__ import annotations

import inspect
from typing import Any, get_args, get_type_hints

import anthropic.types as sdk
import msgspec
import pytest
from anthropic.types import message_create_params
from anthropic.types.beta import BetaContentBlockParam
from anthropic.types.beta import message_create_params as beta_params

from sluicegate.llm.dialects.anthropic_messages import wire

OURS: dict[str, tuple[type[msgspec.Struct], Any]] = {
    "text": (wire.TextBlock, sdk.TextBlockParam),
    "image": (wire.ImageBlock, sdk.ImageBlockParam),
    "document": (wire.DocumentBlock, sdk.DocumentBlockParam),
    "thinking": (wire.ThinkingBlock, sdk.ThinkingBlockParam),
    "redacted_thinking": (wire.RedactedBlock, sdk.RedactedThinkingBlockParam),
    "tool_use": (wire.ToolUseBlock, sdk.ToolUseBlockParam),
    "tool_result": (wire.ToolResultBlock, sdk.ToolResultBlockParam),
}
OLD = {"temperature", "top_p", "top_k", "output_format"}
"""Of API version 2023-06-01 and of betas that ended; and SDK arguments that become headers."""


def fields(struct: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(struct)}


def asked(params: Any) -> set[str]:
    return set(get_type_hints(params, include_extras=True))


@pytest.mark.parametrize("kind", sorted(OURS))
def test_a_block_has_the_fields_that_the_sdk_knows(kind: str) -> None:
    ours, theirs = OURS[kind]
    assert fields(ours) - {"sluicegate"} == asked(theirs) - {"type"}


def test_a_call_has_the_fields_that_the_sdk_knows() -> None:
    stable = asked(message_create_params.MessageCreateParamsStreaming)
    beta = asked(beta_params.MessageCreateParamsStreaming)
    assert stable <= fields(wire.Call)
    assert fields(wire.Call) == stable | (beta - {"betas"}) | OLD


def test_a_tool_has_the_fields_that_the_sdk_knows() -> None:
    assert fields(wire.FunctionTool) == asked(sdk.ToolParam)


def test_every_block_of_the_sdk_is_known() -> None:
    known = set(OURS) | set(wire.OTHER_TYPES)
    for param in get_args(BetaContentBlockParam):
        if inspect.isclass(param) and "type" in asked(param):
            (kind,) = get_args(get_args(get_type_hints(param, include_extras=True)["type"])[0])
            assert kind in known
