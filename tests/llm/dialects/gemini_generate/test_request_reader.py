from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm.canonical import Format, Reasoning, Request, ToolChoice
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.gemini_generate.request_reader import read_request
from sluicegate.llm.failure import CallError


def read(**fields: Any) -> Request:
    body = {"contents": [{"parts": [{"text": "a"}]}], **fields}
    return read_request(Incoming(json.dumps(body).encode(), model="m"), drop=False)[0]


def config(**fields: Any) -> Request:
    return read(generationConfig=fields)


def test_path_and_body_make_a_request() -> None:
    body = b'{"contents": {"parts": {"text": "a"}}, "systemInstruction": {"parts": {"text": "b"}}}'
    request, _ = read_request(Incoming(body, model="m", stream=True), drop=False)
    assert (request.model, request.stream, request.stream_usage) == ("m", True, True)
    assert [message.role for message in request.messages] == ["system", "user"]


def test_settings_have_their_canonical_names() -> None:
    request = config(topK=3.0, maxOutputTokens=4, candidateCount=2, stopSequences=["END"], seed=1)
    assert (request.top_k, request.max_tokens, request.n) == (3, 4, 2)
    assert (request.stop, request.seed) == (["END"], 1)


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "ANY"}, ToolChoice(mode="required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(mode="named", names=["f"])),
        ({"mode": "NONE"}, ToolChoice(mode="none")),
        ({"mode": "auto"}, ToolChoice()),
        ({}, None),
    ],
)
def test_how_tools_are_chosen(calling: dict[str, Any], choice: ToolChoice | None) -> None:
    assert read(toolConfig={"functionCallingConfig": calling}).tool_choice == choice


def test_validated_calls_are_those_of_strict_tools() -> None:
    request = read(
        tools={"functionDeclarations": [{"name": "f"}], "googleSearch": {}},
        toolConfig={"functionCallingConfig": {"mode": "VALIDATED"}},
    )
    assert [(tool.name, tool.strict) for tool in request.tools] == [
        ("f", True),
        ("googleSearch", None),
    ]
    assert request.tools[1].builtin == {"googleSearch": {}}


def test_formats() -> None:
    kind = "application/json"
    assert config(responseMimeType=kind).format == Format(kind="json_object")
    assert config(responseMimeType="text/plain").format == Format(kind="text")
    schema = {"type": "string"}
    asked = config(responseMimeType=kind, responseJsonSchema={"title": "Word", **schema}).format
    assert asked == Format(kind="json_schema", name="Word", schema=schema, strict=True)
    assert config(responseMimeType=kind, responseSchema={"type": "STRING"}).format == Format(
        kind="json_schema", schema=schema, strict=True
    )


def test_thinking() -> None:
    thinking = {"includeThoughts": True, "thinkingLevel": "HIGH"}
    assert config(thinkingConfig=thinking).reasoning == Reasoning(effort="high", shown=True)
    assert config(thinkingConfig={"thinking_budget": -1}).reasoning == Reasoning(budget=-1)


def test_what_only_google_has_is_named_by_its_path() -> None:
    request = read(
        safetySettings=[{"category": "X"}],
        cachedContent="c",
        labels={},
        store=True,
        generationConfig={"speechConfig": {"a": 1}, "responseModalities": ["TEXT"]},
        toolConfig={"retrievalConfig": {"languageCode": "en"}},
        tools=[{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]}],
    )
    assert sorted(request.extras) == [
        "cachedContent",
        "generationConfig.speechConfig",
        "safetySettings",
        "store",
        "toolConfig.retrievalConfig",
        "tools[0].functionDeclarations[0].behavior",
    ]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"serviceTier": "best"}, "serviceTier"),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "X"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        (
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "X"}}},
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        (
            {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"x": 1}}]}]},
            "tools[0].functionDeclarations[0].parameters.x",
        ),
    ],
)
def test_a_fault_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(CallError) as caught:
        read(**fields)
    assert caught.value.failure.field == field
