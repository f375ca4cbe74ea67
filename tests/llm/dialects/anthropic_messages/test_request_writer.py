from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sluicegate.llm.canonical import (
    Cache,
    Format,
    Message,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sluicegate.llm.dialects.anthropic_messages.request_reader import read_call
from sluicegate.llm.dialects.anthropic_messages.request_writer import (
    DEFAULT_MAX_TOKENS,
    write_call,
)
from sluicegate.llm.failure import CallError
from sluicegate.llm.losses import Losses

HELLO = Message(role="user", parts=[Text(text="Hello")], at="messages[0]")
WEATHER = Tool(name="f", parameters={"type": "object"}, at="tools[0]")


def request(**fields: Any) -> Request:
    return Request(**({"dialect": "openai_chat", "model": "m", "messages": [HELLO]} | fields))


def written(**fields: Any) -> dict[str, Any]:
    losses = Losses({}, "anthropic_messages")
    body: dict[str, Any] = json.loads(write_call(request(**fields), losses).body)
    assert losses.settle(drop=False) == []
    return body


def lost(**fields: Any) -> list[str]:
    losses = Losses({}, "anthropic_messages")
    write_call(request(**fields), losses)
    return losses.settle(drop=True)


def test_a_caller_without_a_limit_gets_one_beside_the_budget() -> None:
    assert written()["max_tokens"] == DEFAULT_MAX_TOKENS
    thinking = written(reasoning=Reasoning(budget=2000))
    assert thinking["max_tokens"] == DEFAULT_MAX_TOKENS + 2000


def test_a_limit_below_the_budget_is_the_limit_of_what_is_said() -> None:
    assert written(reasoning=Reasoning(budget=2000), max_tokens=500)["max_tokens"] == 2500


def test_system_messages_that_stand_first_become_the_system_prompt() -> None:
    system = Message(role="system", parts=[Text(text="A")])
    body = written(messages=[system, system, HELLO, system])
    assert body["system"] == [{"type": "text", "text": "A"}] * 2
    assert [turn["role"] for turn in body["messages"]] == ["user", "system"]


def test_results_and_what_the_user_says_after_them_are_one_turn() -> None:
    call = Message(role="assistant", parts=[ToolCall(id="a.1", name="f", arguments="")])
    results = [
        Message(role="tool", parts=[ToolResult(id=name, parts=[Text(text="18")])])
        for name in ("a.1", "b")
    ]
    turns = written(messages=[HELLO, call, *results, HELLO, call])["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "assistant"]
    assert turns[1]["content"][0] == {"type": "tool_use", "id": "a_1", "name": "f", "input": {}}
    assert [block.get("tool_use_id") for block in turns[2]["content"]] == ["a_1", "b", None]


def test_turns_in_which_nothing_is_said_are_left_out() -> None:
    silent = Message(role="assistant", parts=[Text(text="")])
    assert len(written(messages=[HELLO, silent])["messages"]) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tool_choice": ToolChoice(mode="required")}, {"type": "any"}),
        ({"tool_choice": ToolChoice(mode="named", names=["f"])}, {"type": "tool", "name": "f"}),
        ({"parallel_tools": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tools": True}, None),
        (
            {"parallel_tools": False, "tool_choice": ToolChoice(mode="required")},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"parallel_tools": False, "tool_choice": ToolChoice(mode="none")}, {"type": "none"}),
    ],
)
def test_the_choice_of_tools_is_written(fields: dict[str, Any], expected: object) -> None:
    assert written(tools=[WEATHER], **fields).get("tool_choice") == expected


def test_a_choice_without_tools_is_not_said() -> None:
    assert "tool_choice" not in written(tool_choice=ToolChoice(mode="auto"))


def test_a_tool_is_written_with_all_that_it_has() -> None:
    tool = Tool(name="f", description="d", strict=True, cache=Cache())
    assert written(tools=[tool])["tools"] == [
        {
            "name": "f",
            "description": "d",
            "input_schema": {"type": "object", "properties": {}},
            "strict": True,
            "cache_control": {"type": "ephemeral"},
        }
    ]


def test_a_format_is_written_as_a_schema_with_its_description() -> None:
    wanted = Format(kind="json_schema", name="p", schema={"type": "object"}, description="A person")
    assert written(format=wanted)["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {"type": "object", "description": "A person"},
    }
    assert "output_config" not in written(format=Format(kind="text"))


def test_who_it_is_for_and_how_urgent_is_written_in_the_apis_words() -> None:
    body = written(user="u", service_tier="default", stop=["END"], top_p=0.5, top_k=2)
    assert body["metadata"] == {"user_id": "u"}
    assert body["service_tier"] == "standard_only"
    assert (body["stop_sequences"], body["top_p"], body["top_k"]) == (["END"], 0.5, 2)
    assert written(metadata={"user_id": "v"})["metadata"] == {"user_id": "v"}


def test_values_that_ask_for_what_happens_anyway_are_no_loss() -> None:
    written(
        n=1,
        logprobs=False,
        store=False,
        frequency_penalty=0,
        presence_penalty=0.0,
        logit_bias={},
        top_logprobs=0,
        verbosity="medium",
        parallel_tools=True,
        metadata={},
        tool_choice=ToolChoice(),
    )


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"n": 2}, "n"),
        ({"seed": 0}, "seed"),
        ({"logprobs": True}, "logprobs"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"temperature": 1.5}, "temperature"),
        ({"format": Format(kind="json_object")}, "format"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"tool_choice": ToolChoice(mode="named", names=["f", "g"])}, "tool_choice"),
        ({"tools": [Tool(name="x", custom=True, at="tools[0]")]}, "tools[0]"),
        ({"tools": [Tool(name="x", builtin={"type": "x"}, at="tools[0]")]}, "tools[0]"),
        ({"extras": {"prediction": {}}}, "prediction"),
        ({"messages": [Message(role="user", parts=[], name="n", at="m[0]")]}, "m[0].name"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name_or_dropped(
    fields: dict[str, Any], named: str
) -> None:
    assert lost(**fields) == [named]
    with pytest.raises(CallError, match=re.escape(f"`{named}`")):
        written(**fields)


def test_a_cache_key_is_a_hint_and_never_refused() -> None:
    losses = Losses({}, "anthropic_messages")
    write_call(request(cache_key="k"), losses)
    assert losses.settle(drop=False) == ["cache_key"]


def test_all_that_this_api_alone_has_comes_back_as_it_went() -> None:
    call = {
        "model": "m",
        "max_tokens": 4096,
        "messages": [
            {"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]},
            {"role": "system", "content": "Now be brief."},
        ],
        "container": {"id": "c"},
        "mcp_servers": [{"url": "https://x"}],
        "thinking": {"type": "between_tools"},
        "output_config": {"effort": "low", "task_budget": {"total": 9}},
        "tools": [
            {"name": "f", "input_schema": {"type": "object"}, "input_examples": [{"a": 1}]},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        "service_tier": "standard_only",
        "stream": True,
        "temperature": 0.5,
    }
    read, _ = read_call(json.dumps(call).encode(), drop=False)
    losses = Losses({}, "anthropic_messages")
    assert json.loads(write_call(read, losses).body) == call
    assert losses.settle(drop=False) == []
