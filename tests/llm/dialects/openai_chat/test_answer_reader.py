from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm.canonical import (
    Media,
    Opaque,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from sluicegate.llm.dialects.openai_chat import answer_reader
from sluicegate.llm.failure import Malformed


def parts(**message: Any) -> list[Part]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
    body = json.dumps({"id": "i", "choices": [choice], "unheard_of": 1}).encode()
    return answer_reader.read(body).choices[0].parts


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_read_by_either_name(name: str) -> None:
    assert parts(content="4", **{name: "why"}) == [Thinking(text="why"), Text(text="4")]


def test_blocks_of_reasoning_stand_for_its_text() -> None:
    blocks = [{"type": "thinking", "thinking": "why", "signature": "s"}]
    (part,) = parts(reasoning_content="why", thinking_blocks=blocks)
    assert part == Thinking(text="why", signature=Signature("anthropic", "s"))


def test_mistrals_chunks_are_reasoning_and_text() -> None:
    chunks = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "why"}, {"type": "reference"}]},
        {"type": "text", "text": "4"},
        {"type": "reference", "reference_ids": [1]},
    ]
    assert parts(content=chunks) == [Thinking(text="why"), Text(text="4")]


def test_citations_images_sound_and_foreign_parts_are_kept() -> None:
    cited = {"type": "url_citation", "url_citation": {"url": "https://example.com"}}
    found = parts(
        content="a",
        annotations=[cited],
        refusal="no",
        audio={"id": "a"},
        images=[{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}, {}],
        sluicegate={
            "citations": [{"index": 1, "citation": {"type": "page"}}],
            "parts": [{"dialect": "gemini_generate", "raw": {"x": 1}}],
        },
    )
    assert found == [
        Text(text="a", citations=[cited, {"type": "page"}]),
        Refusal(text="no"),
        Media(kind="image", media_type="image/png", data="AA"),
        Opaque(dialect="openai_chat", raw={"audio": {"id": "a"}}),
        Opaque(dialect="gemini_generate", raw={"x": 1}),
    ]


def test_calls_without_ids_or_arguments_get_them() -> None:
    calls = [{"function": {"name": "f"}}, {"id": "x", "custom": {"name": "g", "input": "t"}}]
    assert parts(tool_calls=calls) == [
        ToolCall(id="call_0", name="f", arguments="{}"),
        ToolCall(id="x", name="g", arguments="t", custom=True),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"error":{"message":"x"}}',
        b'{"choices":[{}]}',
        b'{"choices":[{"message":{"tool_calls":[{"id":"a"}]}}]}',
        b'{"choices":[{"message":{"content":"a"},"finish_reason":"error"}]}',
    ],
)
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        answer_reader.read(body)


def test_an_answer_is_measured_without_reading_it() -> None:
    usage = answer_reader.measure(b'{"choices":[7],"usage":{"prompt_tokens":3}}')
    assert usage is not None
    assert usage.input == 3
    assert answer_reader.measure(b'{"choices":[]}') is None
    with pytest.raises(Malformed):
        answer_reader.measure(b'{"usage":{}}')
