from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.llm.canonical import Message, Opaque, Text, Thinking, ToolCall, ToolResult
from sluicegate.llm.dialects.gemini_generate import wire
from sluicegate.llm.dialects.gemini_generate.contents_reader import ContentsReader
from sluicegate.llm.failure import CallError


def read(*turns: dict[str, Any], extras: dict[str, Any] | None = None) -> list[Message]:
    contents = msgspec.convert(list(turns), list[wire.Content])
    return ContentsReader({} if extras is None else extras).read(contents)


def turn(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


CALL = {"functionCall": {"name": "f", "args": {"a": 1}}}
OTHER = {"functionCall": {"name": "g"}}


def test_calls_without_an_id_are_numbered_and_their_results_find_them() -> None:
    messages = read(
        turn("model", CALL, OTHER, CALL),
        turn(
            "user",
            {"functionResponse": {"name": "g", "response": {"result": "b"}}},
            {"functionResponse": {"name": "f", "response": {"error": "a"}}},
            {"functionResponse": {"name": "f", "response": {"x": 1}}},
            {"text": "Go on."},
        ),
    )
    assert [message.role for message in messages] == ["assistant", "tool", "user"]
    calls = [part for part in messages[0].parts if isinstance(part, ToolCall)]
    assert [(call.id, call.arguments) for call in calls] == [
        ("call_0", '{"a":1}'),
        ("call_1", "{}"),
        ("call_2", '{"a":1}'),
    ]
    results = [part for part in messages[1].parts if isinstance(part, ToolResult)]
    assert [one.id for one in results] == ["call_1", "call_0", "call_2"]
    assert [one.failed for one in results] == [False, True, False]
    assert [one.parts[0].text for one in results] == ["b", "a", '{"x":1}']


def test_chunks_that_the_sdk_keeps_as_turns_are_one_answer() -> None:
    (message,) = read(
        turn("model", {"text": "Two", "thought": True}),
        turn("model", {"text": " and two.", "thought": True}),
        turn("model", {"text": "", "thought": True, "thoughtSignature": "c2ln"}),
        turn("model", {"text": "It is"}),
        turn("model", {"text": " 4."}, {"text": ""}),
    )
    thinking, text = message.parts
    assert isinstance(thinking, Thinking)
    assert isinstance(text, Text)
    assert (thinking.text, text.text) == ("Two and two.", "It is 4.")
    assert thinking.signature is not None
    assert thinking.signature.text == "c2ln"


def test_a_signature_behind_thinking_is_that_of_the_thinking() -> None:
    (message,) = read(
        turn("model", {"text": "a", "thought": True}, {"text": "b", "thoughtSignature": "c2ln"})
    )
    thinking, text = message.parts
    assert isinstance(thinking, Thinking)
    assert isinstance(text, Text)
    assert thinking.signature is not None
    assert text.signature is None


def test_a_signature_alone_belongs_to_the_text_before() -> None:
    (message,) = read(turn("model", {"text": "b"}, {"thoughtSignature": "c2ln"}))
    (text,) = message.parts
    assert isinstance(text, Text)
    assert text.signature is not None


def test_parts_of_google_alone_are_kept_and_what_stands_beside_is_named() -> None:
    extras: dict[str, Any] = {}
    code = {"executableCode": {"code": "1"}, "mediaResolution": {"level": "X"}}
    (message,) = read(turn("model", code), extras=extras)
    assert message.parts[0] == Opaque(
        dialect="gemini_generate",
        raw={"executableCode": {"code": "1"}},
        at="contents[0].parts[0]",
    )
    assert extras == {"contents[0].parts[0].mediaResolution": {"level": "X"}}


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (turn("system", {"text": "a"}), "contents[0].role"),
        (turn("user", {}), "contents[0].parts[0]"),
        (turn("model", {"functionCall": {}}), "contents[0].parts[0].functionCall.name"),
        (
            turn("user", {"functionResponse": {"name": "f", "parts": [{}]}}),
            "contents[0].parts[0].functionResponse.parts[0]",
        ),
    ],
)
def test_a_fault_is_named(content: dict[str, Any], field: str) -> None:
    with pytest.raises(CallError) as caught:
        read(content)
    assert caught.value.failure.field == field


def test_one_turn_of_one_part_needs_no_lists() -> None:
    content = msgspec.convert({"parts": {"text": "a"}}, wire.Content)
    (message,) = ContentsReader({}).read(content)
    assert message.parts[0].at == "contents.parts"
