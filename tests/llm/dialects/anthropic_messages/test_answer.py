from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import (
    Answer,
    Choice,
    Logprob,
    Media,
    Opaque,
    Part,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from sluicegate.llm.dialects.anthropic_messages.answer import measure, read_answer, write_answer
from sluicegate.llm.failure import Malformed

CITATION = {
    "type": "char_location",
    "cited_text": "a",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 1,
}
SEARCH = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
MESSAGE = {
    "type": "message",
    "role": "assistant",
    "id": "msg_1",
    "model": "m",
    "content": [],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 2},
}


def answer(parts: list[Part], **more: Any) -> Answer:
    choice = Choice(index=0, parts=parts, stop=more.pop("stop", Stop(reason="end")))
    fields: dict[str, Any] = {
        "id": "msg_1",
        "model": "m",
        "created": 0,
        "usage": Usage(input=1, output=2),
    }
    return Answer(choices=[choice], **(fields | more))


def test_every_part_that_a_block_can_hold_comes_back() -> None:
    container = {"id": "c", "expires_at": "2026-11-22T10:00:00Z"}
    whole = answer(
        [
            Thinking(text="Hm.", signature=Signature("anthropic", "c2ln")),
            Thinking(redacted=True, signature=Signature("openai", "x"), id="rs_1"),
            Text(text="a", citations=[CITATION]),
            ToolCall(id="t", name="f", arguments='{"a":1}', signature=Signature("gemini", "s")),
            ToolCall(id="u", name="f", arguments='{"a":'),
            Refusal(text="No."),
            Opaque(dialect="anthropic_messages", raw=SEARCH),
        ],
        service_tier="priority",
        extras={"container": container, "usage.speed": "fast"},
    )
    assert whole.usage is not None
    whole.usage.tier = "fast"
    body = write_answer(whole)
    assert read_answer(body) == whole
    message = Message.model_validate_json(body)
    assert [block.type for block in message.content] == [
        "thinking",
        "redacted_thinking",
        "text",
        "tool_use",
        "tool_use",
        "text",
        "server_tool_use",
    ]


def test_what_has_no_block_is_told_beside() -> None:
    whole = answer(
        [Media(kind="image", data="aa"), Opaque(dialect="gemini_generate", raw={"x": 1})],
        usage=Usage(audio_output=4),
        service_tier="flex",
        fingerprint="fp",
        extras={"citations": ["https://x/"]},
        stop=Stop(reason="end", detail="OTHER"),
    )
    whole.choices[0].logprobs = [Logprob(token="a", logprob=-1.0)]
    written = json.loads(write_answer(whole))
    assert written["content"] == []
    said = written["sluicegate"]
    assert [part["index"] for part in said["parts"]] == [0, 1]
    assert said["logprobs"][0]["token"] == "a"
    assert (said["stop_detail"], said["service_tier"]) == ("OTHER", "flex")
    assert (said["fingerprint"], written["usage"]["sluicegate"]) == ("fp", {"audio_output": 4})
    assert said["extras"] == {"citations": ["https://x/"]}


def test_fields_and_blocks_that_are_new_in_the_api_are_no_fault() -> None:
    block = {"type": "hologram", "data": 1}
    read = read_answer(json.dumps(MESSAGE | {"content": [block], "mood": "good"}).encode())
    assert read.choices[0].parts == [Opaque(dialect="anthropic_messages", raw=block)]


@pytest.mark.parametrize(
    "change",
    [
        {"type": "error"},
        {"stop_reason": None},
        {"usage": None},
        {"content": [{"type": "text"}]},
        {"content": [{"type": "tool_use", "id": "a", "name": "f", "input": [1]}]},
        {"content": ["text"]},
    ],
)
def test_what_is_no_whole_answer_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_answer(json.dumps(MESSAGE | change).encode())


def test_measuring_refuses_what_is_cut_or_no_answer() -> None:
    body = json.dumps(MESSAGE).encode()
    assert measure(body) == Usage(input=1, output=2)
    for bad in (body[:-1], b'{"type":"error","stop_reason":"x","usage":{}}', b"", b"[" * 99_999):
        with pytest.raises(Malformed):
            measure(bad)


@given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
def test_garbage_is_malformed_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises(Malformed):
        read_answer(garbage)
