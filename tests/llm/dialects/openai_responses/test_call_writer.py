"""Requests that are written, and what they lose."""

import json
from typing import Any

import pytest

from sluicegate.llm.canonical import Cache, Reasoning, Tool, ToolChoice
from support.llm_samples import WEATHER, request
from support.llm_samples import requests as samples
from support.responses_sdk import is_request, written

SIGNED = ["reasoning.encrypted_content"]


def body(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written(request(**fields))[0])
    return found


@pytest.mark.parametrize("name", sorted(samples()))
def test_the_sdks_types_allow_what_is_written(name: str) -> None:
    is_request(written(samples()[name])[0])


def test_nothing_is_stored_that_nobody_asked_to_store() -> None:
    assert body()["store"] is False
    assert body(store=True)["store"] is True


def test_whether_a_function_is_strict_is_always_said() -> None:
    assert body(tools=[WEATHER])["tools"][0]["strict"] is False
    strict = Tool(name="x", parameters={}, strict=True)
    assert body(tools=[strict])["tools"][0]["strict"] is True


@pytest.mark.parametrize(
    ("reasoning", "config", "include"),
    [
        (Reasoning(effort="high"), {"effort": "high"}, SIGNED),
        (Reasoning(budget=2048), {"effort": "medium"}, SIGNED),
        (Reasoning(budget=0), {"effort": "none"}, []),
        (Reasoning(effort="low", shown=True), {"effort": "low", "summary": "auto"}, SIGNED),
        (Reasoning(adaptive=True), None, []),
    ],
)
def test_reasoning_is_asked_for_with_its_signature(
    reasoning: Reasoning, config: dict[str, str] | None, include: list[str]
) -> None:
    found = body(reasoning=reasoning)
    assert found.get("reasoning") == config
    assert found.get("include", []) == include


def test_several_named_tools_are_allowed_tools() -> None:
    tools = [WEATHER, Tool(name="shell", custom=True)]
    choice = ToolChoice(mode="named", names=["get_weather", "shell"])
    assert body(tools=tools, tool_choice=choice)["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [
            {"type": "function", "name": "get_weather"},
            {"type": "custom", "name": "shell"},
        ],
    }


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"stop": ["END"]}, "stop"),
        ({"seed": 7}, "seed"),
        ({"top_k": 1}, "top_k"),
        ({"n": 2}, "n"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"service_tier": "standard_only"}, "service_tier"),
        ({"extras": {"thinking.display": "x"}}, "thinking.display"),
    ],
)
def test_what_has_no_words_here_is_named(fields: dict[str, Any], lost: str) -> None:
    assert written(request(**fields))[1].lost == [lost]


def test_what_happens_anyway_is_no_loss() -> None:
    fields = {"n": 1, "frequency_penalty": 0.0, "presence_penalty": 0.0, "stop": []}
    losses = written(request(**fields))[1]
    assert (losses.lost, losses.fatal, losses.dropped) == ([], [], [])


def test_a_mark_on_a_tool_is_left_out_and_said() -> None:
    tool = Tool(name="x", cache=Cache(), at="tools[0]")
    assert written(request(tools=[tool]))[1].dropped == ["tools[0].cache_control"]
