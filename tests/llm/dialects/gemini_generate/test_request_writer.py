from __future__ import annotations

import json
from typing import Any

import pytest
from google.genai import types

from sluicegate.llm.canonical import Format, Message, Reasoning, Request, Text, Tool, ToolChoice
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.gemini_generate.request_reader import read_request
from sluicegate.llm.dialects.gemini_generate.request_writer import write_request
from sluicegate.llm.losses import Losses
from support.gemini_sdk import GOLDEN, SCENARIOS


def write(losses: Losses | None = None, **fields: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"dialect": "x", "model": "gemini-3-pro"}
    messages = [Message(role="user", parts=[Text(text="a")])]
    request = Request(**(plain | {"messages": messages} | fields))
    written: dict[str, Any] = json.loads(write_request(request, losses or Losses({}, "x")).body)
    return written


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_is_written_is_what_the_sdk_knows(scenario: str) -> None:
    body = (GOLDEN / f"{scenario}.request.json").read_bytes()
    request, _ = read_request(Incoming(body, model="gemini-2.5-pro"), drop=False)
    losses = Losses({}, "x")
    written = json.loads(write_request(request, losses).body)
    for content in written["contents"]:
        types.Content.model_validate(content)
    for tool in written.get("tools", []):
        types.Tool.model_validate(tool)
    types.GenerationConfig.model_validate(written.get("generationConfig", {}))
    assert not losses.settle(drop=False)


@pytest.mark.parametrize(
    ("model", "reasoning", "config"),
    [
        ("gemini-3-pro", Reasoning(effort="high"), {"thinkingLevel": "HIGH"}),
        ("gemini-3-pro", Reasoning(effort="max"), {"thinkingLevel": "XHIGH"}),
        ("gemini-2.5-pro", Reasoning(effort="medium"), {"thinkingBudget": 8192}),
        ("gemini-3-pro", Reasoning(effort="none"), {"thinkingBudget": 0}),
        ("gemini-3-pro", Reasoning(adaptive=True), {"thinkingBudget": -1}),
        (
            "gemini-3-pro",
            Reasoning(budget=9, shown=False),
            {"thinkingBudget": 9, "includeThoughts": False},
        ),
        (
            "gemini-3-pro",
            Reasoning(effort="low", summary="auto"),
            {"thinkingLevel": "LOW", "includeThoughts": True},
        ),
    ],
)
def test_how_much_to_think(model: str, reasoning: Reasoning, config: dict[str, Any]) -> None:
    written = write(model=model, reasoning=reasoning)
    assert written["generationConfig"]["thinkingConfig"] == config


def test_where_thinking_is_shown_by_default_it_is_asked_for() -> None:
    written = write(dialect="anthropic_messages", reasoning=Reasoning(budget=9))
    assert written["generationConfig"]["thinkingConfig"]["includeThoughts"] is True


def test_strict_tools_are_validated_unless_calls_are_asked_for_otherwise() -> None:
    tools = [Tool(name="f", strict=True, parameters={"type": "object"})]
    assert write(tools=tools)["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    named = ToolChoice(mode="named", names=["f"])
    assert write(tools=tools, tool_choice=named)["toolConfig"]["functionCallingConfig"] == {
        "mode": "ANY",
        "allowedFunctionNames": ["f"],
    }


def test_a_formats_name_and_description_go_into_the_schema() -> None:
    asked = Format(kind="json_schema", name="n", description="d", schema={"type": "string"})
    assert write(format=asked)["generationConfig"]["responseJsonSchema"] == {
        "title": "n",
        "description": "d",
        "type": "string",
    }


def test_what_there_is_no_word_for_is_named_by_the_callers() -> None:
    losses = Losses({"parallel_tools": "parallel_tool_calls"}, "x")
    write(
        losses,
        parallel_tools=False,
        user="u",
        store=True,
        service_tier="scale",
        cache_key="k",
        tools=[Tool(name="web_search", builtin={"type": "web_search"}, at="tools[0]")],
        extras={"odd": 1},
    )
    assert losses.lost == [
        "tools[0]",
        "service_tier",
        "parallel_tool_calls",
        "user",
        "store",
        "odd",
    ]
    assert losses.dropped == ["cache_key"]


def test_what_happens_anyway_is_no_loss() -> None:
    losses = Losses({}, "x")
    write(losses, parallel_tools=True, store=False, service_tier="auto", metadata={}, logit_bias={})
    assert not losses.lost


def test_what_only_google_has_stands_where_it_stood() -> None:
    losses = Losses({}, "x")
    extras = {
        "safetySettings": [1],
        "generationConfig.speechConfig": {"a": 1},
        "contents[0].parts[0].mediaResolution": 1,
    }
    written = write(losses, dialect="gemini_generate", extras=extras)
    assert written["safetySettings"] == [1]
    assert written["generationConfig"] == {"speechConfig": {"a": 1}}
    assert losses.lost == ["contents[0].parts[0].mediaResolution"]
