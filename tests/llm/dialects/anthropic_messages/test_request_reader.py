from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import (
    Cache,
    Format,
    Opaque,
    Reasoning,
    Request,
    Text,
    ToolChoice,
    ToolResult,
)
from sluicegate.llm.dialects.anthropic_messages.request_reader import read_call
from sluicegate.llm.failure import CallError

TEXT = {"type": "text", "text": "Hello"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


def body(**more: Any) -> bytes:
    call = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
    return json.dumps({name: v for name, v in (call | more).items() if v != "absent"}).encode()


def read(**more: Any) -> Request:
    request, dropped = read_call(body(**more), drop=False)
    assert dropped == []
    return request


def refusal(**more: Any) -> str:
    with pytest.raises(CallError) as refused:
        read(**more)
    assert refused.value.failure.status == 400
    return refused.value.failure.field or ""


def test_all_parameters_have_their_place() -> None:
    request = read(
        system="Be brief.",
        stream=True,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        stop_sequences=["END"],
        metadata={"user_id": "u"},
        service_tier="auto",
    )
    assert request.messages[0].parts == [Text(text="Be brief.", at="system")]
    assert (request.temperature, request.top_p, request.top_k) == (0.5, 0.9, 3)
    assert (request.stop, request.user, request.service_tier) == (["END"], "u", "auto")
    assert request.stream
    assert request.max_tokens == 9


def test_results_of_tools_become_messages_of_tools_and_the_rest_stays_the_users() -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": [TEXT], "is_error": True}
    messages = read(messages=[{"role": "user", "content": [result, result, TEXT]}]).messages
    assert [message.role for message in messages] == ["tool", "user"]
    first = messages[0].parts[0]
    assert isinstance(first, ToolResult)
    assert (first.id, first.failed, first.at) == ("a", True, "messages[0].content[0]")
    assert first.parts == [Text(text="Hello", at="messages[0].content[0].content[0]")]


def test_a_turn_without_blocks_is_still_a_turn() -> None:
    assert [m.role for m in read(messages=[{"role": "user", "content": []}]).messages] == ["user"]


def test_blocks_of_this_api_alone_are_kept_as_they_came() -> None:
    search = {"type": "search_result", "source": "s", "title": "t", "content": [TEXT]}
    messages = read(messages=[{"role": "user", "content": [TEXT, search]}]).messages
    assert messages[0].parts[1] == Opaque(
        dialect="anthropic_messages", raw=search, at="messages[0].content[1]"
    )


def test_a_result_that_holds_such_a_block_is_kept_whole_as_a_tools() -> None:
    reference = {"type": "tool_reference", "tool_name": "f"}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [reference]}
    messages = read(messages=[{"role": "user", "content": [result]}]).messages
    assert messages[0].role == "tool"
    assert messages[0].parts == [
        Opaque(dialect="anthropic_messages", raw=result, at="messages[0].content[0]")
    ]


def test_a_breakpoint_of_the_whole_call_is_put_on_the_last_block_that_takes_one() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [TEXT, thought]}]
    request = read(messages=turns, cache_control={"type": "ephemeral", "ttl": "1h"})
    assert request.messages[1].parts[0].cache == Cache("1h")  # type: ignore[union-attr]
    assert request.extras == {}


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, Reasoning(budget=2048)),
        ({"thinking": {"type": "disabled"}}, Reasoning(budget=0)),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            Reasoning(adaptive=True, shown=False),
        ),
        ({"output_config": {"effort": "max"}}, Reasoning(effort="max")),
        ({"thinking": {"type": "between_tools"}}, None),
        ({"output_config": {}}, None),
    ],
)
def test_thinking_is_read_in_all_its_forms(
    fields: dict[str, Any], reasoning: Reasoning | None
) -> None:
    assert read(**fields).reasoning == reasoning


def test_what_only_this_api_has_is_kept_by_its_path() -> None:
    request = read(
        container="c",
        inference_geo="us",
        speed=None,
        thinking={"type": "adaptive", "display": "updates", "block_binding": {"a": 1}},
        output_config={"task_budget": {"total": 9}},
        tools=[TOOL | {"defer_loading": True, "allowed_callers": ["direct"]}],
    )
    assert request.extras == {
        "container": "c",
        "inference_geo": "us",
        "thinking.block_binding": {"a": 1},
        "thinking.display": "updates",
        "output_config.task_budget": {"total": 9},
        "tools[0].defer_loading": True,
    }
    assert read(thinking={"type": "between_tools"}).extras == {
        "thinking": {"type": "between_tools"}
    }


def test_structured_answers_are_asked_for_in_the_old_and_the_new_way() -> None:
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    expected = Format(kind="json_schema", schema={"type": "object"})
    assert read(output_format=wanted).format == expected
    assert read(output_config={"format": wanted}).format == expected


def test_tools_of_the_vendor_are_kept_as_they_came() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    tools = read(tools=[TOOL | {"type": "custom"}, search]).tools
    assert [(tool.name, tool.builtin) for tool in tools] == [
        ("f", None),
        ("web_search_20250305", search),
    ]


@pytest.mark.parametrize(
    ("choice", "expected", "parallel"),
    [
        ({"type": "any"}, ToolChoice(mode="required"), None),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(mode="auto"), False),
        ({"type": "tool", "name": "f"}, ToolChoice(mode="named", names=["f"]), None),
        ({"type": "none"}, ToolChoice(mode="none"), None),
    ],
)
def test_the_choice_of_tools_is_read(
    choice: dict[str, Any], expected: ToolChoice, parallel: object
) -> None:
    request = read(tools=[TOOL], tool_choice=choice)
    assert request.tool_choice == expected
    assert request.parallel_tools is parallel


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"max_tokens": "absent"}, "max_tokens"),
        ({"model": "absent"}, "model"),
        ({"tempratur": 1}, "tempratur"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "user", "content": [TEXT, {"type": "film"}]}]},
            "messages[0].content[1].type",
        ),
        (
            {"messages": [{"role": "user", "content": [TEXT | {"bold": True}]}]},
            "messages[0].content[0].bold",
        ),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_use", "id": "a", "name": "f", "input": "x"}],
                    }
                ]
            },
            "messages[0].content[0].input",
        ),
        ({"tools": [TOOL, {"name": "f"}]}, "tools[1].input_schema"),
        ({"tools": [TOOL | {"colour": "red"}]}, "tools[0].colour"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ],
)
def test_a_fault_is_refused_by_the_callers_own_name_for_it(
    fields: dict[str, Any], named: str
) -> None:
    assert refusal(**fields) == named


def test_unknown_fields_are_dropped_where_that_is_allowed() -> None:
    request, dropped = read_call(body(tempratur=1, tools=[TOOL | {"colour": "red"}]), drop=True)
    assert dropped == ["tempratur", "tools[0].colour"]
    assert request.tools[0].name == "f"


def test_counting_needs_no_limit() -> None:
    request, _ = read_call(body(max_tokens="absent"), drop=False, counting=True)
    assert request.max_tokens is None


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["model", "messages", "role", "content", "type", "text", "tools", "x"]),
        inner,
        max_size=4,
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_whatever_is_no_call_is_refused_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises(CallError):
        read_call(garbage, drop=True)
