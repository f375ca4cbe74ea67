from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm.canonical import Cache, Format, Reasoning, Tool, ToolChoice
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.cohere_chat.read_request import read_request
from sluicegate.llm.dialects.cohere_chat.write_request import write_request
from sluicegate.llm.losses import Losses
from support.cohere_sdk import CohereSdk, arguments
from support.llm_goldens import bare
from support.llm_samples import WEATHER, request, requests

ANSWER = b'{"id":"1","finish_reason":"COMPLETE","message":{"role":"assistant"}}'
OTHER = Tool(name="other", strict=True, at="tools[1]")


def write(**fields: Any) -> tuple[dict[str, Any], Losses]:
    losses = Losses({}, "cohere_chat")
    return json.loads(write_request(request(**fields), losses).body), losses


@pytest.mark.parametrize("name", requests())
def test_the_sdk_takes_what_is_written(name: str) -> None:
    sdk = CohereSdk()
    body = json.loads(write_request(requests()[name], Losses({}, "c")).body)
    sdk.answers(ANSWER).chat(**arguments(body))
    assert sdk.sent[-1] | {"stream": body["stream"]} == body


@pytest.mark.parametrize("name", requests())
def test_what_is_written_without_loss_is_read_again(name: str) -> None:
    asked = requests()[name]
    losses = Losses({}, "cohere_chat")
    again, _ = read_request(Incoming(write_request(asked, losses).body), drop=False)
    if losses.lost or losses.fatal or losses.dropped:
        return
    if name in {"refusal", "parallel_results", "reasoning", "tools_named", "format"}:
        return  # a refusal is text; results are apart; the only tool is any; names are not said
    assert bare(again, "name") == bare(asked, "name")


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"n": 2}, "n"),
        ({"user": "u"}, "user"),
        ({"parallel_tools": False}, "parallel_tools"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"reasoning": Reasoning(shown=False, budget=5)}, "reasoning"),
        ({"extras": {"documents": []}}, "documents"),
    ],
)
def test_what_has_no_words_is_lost_by_name(fields: dict[str, Any], lost: str) -> None:
    assert write(**fields)[1].lost == [lost]


@pytest.mark.parametrize(
    "fields", [{"n": 1}, {"store": False}, {"service_tier": "auto"}, {"metadata": {}}]
)
def test_what_happens_anyway_is_no_loss(fields: dict[str, Any]) -> None:
    losses = write(**fields)[1]
    assert (losses.lost, losses.dropped) == ([], [])


@pytest.mark.parametrize(
    ("reasoning", "thinking"),
    [
        (Reasoning(budget=7), {"type": "enabled", "token_budget": 7}),
        (Reasoning(budget=-1), {"type": "enabled"}),
        (Reasoning(adaptive=True), {"type": "enabled"}),
        (Reasoning(effort="none"), {"type": "disabled"}),
        (Reasoning(effort="low"), {"type": "enabled", "token_budget": 1024}),
        (Reasoning(summary="auto"), None),
    ],
)
def test_thinking_is_a_budget(reasoning: Reasoning, thinking: dict[str, Any] | None) -> None:
    assert write(reasoning=reasoning)[0].get("thinking") == thinking


def test_strictness_is_for_all_tools_at_once() -> None:
    assert write(tools=[OTHER])[0]["strict_tools"] is True
    body, losses = write(tools=[WEATHER, OTHER])
    assert "strict_tools" not in body
    assert losses.lost == ["tools[1].strict"]


def test_a_tool_can_be_asked_for_only_where_there_are_no_others() -> None:
    named = ToolChoice(mode="named", names=["get_weather"])
    assert write(tools=[WEATHER], tool_choice=named)[0]["tool_choice"] == "REQUIRED"
    assert write(tools=[WEATHER, Tool(name="b")], tool_choice=named)[1].lost == ["tool_choice"]
    none = ToolChoice(mode="none")
    assert write(tools=[WEATHER], tool_choice=none)[0]["tool_choice"] == "NONE"


def test_tools_of_other_vendors_are_lost_and_markers_announced() -> None:
    marked = Tool(name="a", cache=Cache(), at="tools[0]")
    body, losses = write(tools=[marked, Tool(name="b", custom=True, at="tools[1]")])
    assert len(body["tools"]) == 1
    assert (losses.lost, losses.dropped) == (["tools[1]"], ["tools[0].cache_control"])


def test_formats_are_written() -> None:
    assert write(format=Format(kind="json_object"))[0]["response_format"] == {"type": "json_object"}
    assert write(format=Format(kind="text"))[0]["response_format"] == {"type": "text"}


def test_the_key_of_a_cache_is_a_hint() -> None:
    assert write(cache_key="k")[1].dropped == ["cache_key"]


def test_fields_of_cohere_alone_come_back() -> None:
    asked = request(extras={"safety_mode": "OFF"})
    asked.dialect = "cohere_chat"
    losses = Losses({}, "cohere_chat")
    assert json.loads(write_request(asked, losses).body)["safety_mode"] == "OFF"
    assert losses.lost == []
