from __future__ import annotations

import inspect
from typing import Any

import cohere
import msgspec
import pytest

from sluicegate.llm.dialects.cohere_chat import wire

PAIRS: dict[Any, Any] = {
    cohere.ToolCallV2: wire.ToolCall,
    cohere.ToolCallV2Function: wire.Function,
    cohere.ToolV2: wire.ToolSpec,
    cohere.ToolV2Function: wire.Parameters,
    cohere.ImageUrl: wire.ImageUrl,
    cohere.Document: wire.Document,
    cohere.Thinking: wire.Reasoning,
    cohere.UserChatMessageV2: wire.User,
    cohere.AssistantChatMessageV2: wire.Assistant,
    cohere.SystemChatMessageV2: wire.System,
    cohere.ToolChatMessageV2: wire.Tool,
    cohere.JsonObjectResponseFormatV2: wire.ResponseFormat,
}
OURS = {"signature", "sluicegate"}


def fields(shape: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(shape)}


@pytest.mark.parametrize("theirs", PAIRS)
def test_shapes_have_the_fields_of_the_sdk(theirs: Any) -> None:
    assert fields(PAIRS[theirs]) - OURS == set(theirs.model_fields) - {"role"}


def test_a_request_has_the_arguments_of_the_sdk() -> None:
    arguments = set(inspect.signature(cohere.ClientV2.chat_stream).parameters)
    assert fields(wire.Request) - {"stream"} == arguments - {"self", "request_options"}
