from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm.canonical import (
    Cache,
    Format,
    Media,
    Message,
    Reasoning,
    Request,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sluicegate.llm.dialects.openai_chat import answer_writer, request_reader
from sluicegate.llm.failure import CallError
from support.llm_goldens import bare, parts_of
from support.llm_samples import answers, asked


def read(**fields: Any) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return request_reader.read(json.dumps(body).encode(), drop=False)[0]


def message(**fields: Any) -> Message:
    return read(messages=[fields]).messages[0]


def test_a_message_keeps_its_place() -> None:
    (first,) = read(messages=[{"role": "developer", "content": "Be brief.", "name": "x"}]).messages
    assert first == Message(
        role="system",
        parts=[Text(text="Be brief.", at="messages[0].content")],
        name="x",
        at="messages[0]",
    )


def test_parts_of_a_users_message_are_read() -> None:
    url = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}
    mark = {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}
    parts = message(role="user", content=[{"type": "text", "text": "a", **mark}, url]).parts
    at = "messages[0].content"
    assert parts == [
        Text(text="a", at=f"{at}[0]", cache=Cache("30m")),
        Media(kind="image", media_type="image/png", data="AA", detail="low", at=f"{at}[1]"),
    ]


def test_a_turn_of_the_model_is_reasoning_then_words_then_calls() -> None:
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "s"}},
    }
    blocks = [
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {"type": "redacted_thinking", "data": "gemini:d"},
    ]
    parts = message(
        role="assistant", content="w", tool_calls=[call], thinking_blocks=blocks, refusal="no"
    ).parts
    kinds = [type(part).__name__ for part in parts]
    assert kinds == ["Thinking", "Thinking", "Text", "Refusal", "ToolCall"]
    thinking, redacted, *_, called = parts
    assert isinstance(thinking, Thinking)
    assert thinking.signature == Signature("anthropic", "s")
    assert isinstance(redacted, Thinking)
    assert redacted.signature == Signature("gemini", "d")
    assert isinstance(called, ToolCall)
    assert called.signature == Signature("gemini", "s")


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_read_by_either_name(name: str) -> None:
    (part,) = message(role="assistant", content="", **{name: "why"}).parts
    assert part == Thinking(text="why", at=f"messages[0].{name}")


def test_a_result_knows_its_call() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}
    turns = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "r"}]},
    ]
    (result,) = read(messages=turns).messages[1].parts
    assert isinstance(result, ToolResult)
    assert (result.id, result.name, result.custom) == ("c", "f", True)


@pytest.mark.parametrize(
    ("choice", "read_as"),
    [
        ("auto", ToolChoice()),
        ("required", ToolChoice(mode="required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(mode="named", names=["f"])),
        ({"type": "custom", "custom": {"name": "f"}}, ToolChoice(mode="named", names=["f"])),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "function", "function": {"name": "g"}},
                    ],
                },
            },
            ToolChoice(mode="named", names=["f", "g"]),
        ),
    ],
)
def test_the_choice_of_tools_is_read(choice: Any, read_as: ToolChoice) -> None:
    assert read(tool_choice=choice).tool_choice == read_as


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"reasoning_effort": "low"}, Reasoning(effort="low")),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, Reasoning(budget=2048)),
        ({"thinking": {"type": "disabled"}}, Reasoning(budget=0)),
        ({"thinking": {"type": "adaptive"}}, Reasoning(adaptive=True)),
        ({}, None),
    ],
)
def test_reasoning_is_asked_for_in_two_ways(
    fields: dict[str, Any], reasoning: Reasoning | None
) -> None:
    assert read(**fields).reasoning == reasoning


def test_settings_are_read_by_their_newer_name_first() -> None:
    call = read(max_tokens=1, max_completion_tokens=2, stop="END", response_format={"type": "text"})
    assert (call.max_tokens, call.stop, call.format) == (2, ["END"], Format(kind="text"))
    assert read(max_tokens=1, stop=["a", "b"]).stop == ["a", "b"]


def test_what_only_openai_has_is_kept_and_named_unless_it_happens_anyway() -> None:
    assert read(modalities=["text"], web_search_options={"search_context_size": "low"}).extras == {
        "web_search_options": {"search_context_size": "low"}
    }
    assert read(modalities=["text", "audio"]).extras == {"modalities": ["text", "audio"]}


@pytest.mark.parametrize(
    ("turn", "field"),
    [
        ({"role": "function", "name": "f", "content": "r"}, "messages[0].role"),
        (
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
            "messages[0].function_call",
        ),
    ],
)
def test_calls_of_the_old_kind_are_refused_by_name(turn: dict[str, Any], field: str) -> None:
    with pytest.raises(CallError, match="use tools") as caught:
        message(**turn)
    assert caught.value.failure.field == field


@pytest.mark.parametrize("sample", answers())
def test_an_answer_may_be_sent_back_as_it_came(sample: str) -> None:
    answer = answers()[sample]
    body = json.loads(answer_writer.write(answer))
    turn = body["choices"][0]["message"]
    read_back = message(**turn).parts
    assert bare(read_back) == bare(answer.choices[0].parts)


def test_what_was_said_by_nobody_is_none() -> None:
    assert bare(read().messages) == bare(asked("Hi"))
    assert parts_of([]) == []
