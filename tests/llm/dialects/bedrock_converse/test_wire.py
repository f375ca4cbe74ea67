from __future__ import annotations

import botocore.session
import msgspec
import pytest

from sluicegate.llm.dialects.bedrock_converse import wire

MODEL = botocore.session.Session().get_service_model("bedrock-runtime")
PAIRS = {
    "Message": wire.Message,
    "ContentBlock": wire.Block,
    "SystemContentBlock": wire.SystemBlock,
    "ToolUseBlock": wire.ToolUse,
    "ToolResultBlock": wire.ToolResult,
    "ToolResultContentBlock": wire.ResultBlock,
    "ReasoningContentBlock": wire.Reasoning,
    "ReasoningTextBlock": wire.ReasoningText,
    "CitationsContentBlock": wire.Citations,
    "DocumentBlock": wire.Document,
    "DocumentSource": wire.Source,
    "S3Location": wire.S3,
    "InferenceConfiguration": wire.Inference,
    "ToolConfiguration": wire.ToolConfig,
    "Tool": wire.Tool,
    "ToolSpecification": wire.ToolSpec,
    "ToolChoice": wire.ToolChoice,
    "OutputConfig": wire.Output,
    "JsonSchemaDefinition": wire.JsonSchema,
    "CachePointBlock": wire.CachePoint,
    "ServiceTier": wire.Tier,
    "ConverseRequest": wire.Request,
}


@pytest.mark.parametrize("name", PAIRS)
def test_shapes_have_the_members_of_the_official_model(name: str) -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(PAIRS[name])}
    assert fields == set(MODEL.shape_for(name).members) - {"modelId"}
