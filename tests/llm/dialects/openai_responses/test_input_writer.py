"""Messages become items."""

import json
from typing import Any

from sluicegate.llm.canonical import (
    Cache,
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Role,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sluicegate.llm.losses import Losses
from support.llm_goldens import PNG
from support.llm_samples import request
from support.responses_sdk import is_request, written


def items(role: Role, *parts: Part, dialect: str = "anthropic_messages") -> tuple[Any, Losses]:
    message = Message(role=role, parts=list(parts), at="m[0]")
    call: Request = request(messages=[message])
    call.dialect = dialect
    body, losses = written(call)
    return json.loads(body)["input"], losses


def test_signed_reasoning_goes_back_and_other_reasoning_does_not() -> None:
    found, losses = items(
        "assistant",
        Thinking(text="a", signature=Signature("openai", "c2ln"), summary=True, at="m[0].a"),
        Thinking(text="b", signature=Signature("anthropic", "x"), at="m[0].b"),
        Thinking(text="c", at="m[0].c"),
        Thinking(id="rs_9", at="m[0].d"),
    )
    assert found == [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "a"}],
            "encrypted_content": "c2ln",
        },
        {"type": "reasoning", "summary": [], "id": "rs_9"},
    ]
    assert losses.dropped == ["m[0].b", "m[0].c"]


def test_thoughts_of_one_id_are_one_item() -> None:
    found, _ = items(
        "assistant",
        Thinking(text="a", id="rs_1", summary=True),
        Thinking(text="b", id="rs_1", signature=Signature("openai", "c2ln")),
        Thinking(text="c", id="rs_2", summary=True),
    )
    assert found == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "a"}],
            "content": [{"type": "reasoning_text", "text": "b"}],
            "encrypted_content": "c2ln",
        },
        {
            "type": "reasoning",
            "id": "rs_2",
            "summary": [{"type": "summary_text", "text": "c"}],
        },
    ]


def test_words_and_calls_stay_in_their_order() -> None:
    found, _ = items(
        "assistant",
        Text(text="a"),
        ToolCall(id="c", name="f", arguments="{}"),
        Text(text="b"),
        Refusal(text="No."),
    )
    assert [item["type"] for item in found] == ["message", "function_call", "message"]
    assert found[0]["content"] == "a"
    assert [part["type"] for part in found[2]["content"]] == ["output_text", "refusal"]


def test_what_a_tool_gave_goes_back_with_its_pictures() -> None:
    image = Media(kind="image", media_type="image/png", data=PNG)
    found, losses = items(
        "tool",
        ToolResult(id="c", parts=[Text(text="a")]),
        ToolResult(id="d", parts=[Text(text="b"), image], failed=True, at="m[0].x"),
        ToolResult(id="e", parts=[], custom=True),
    )
    assert [item["output"] for item in found[::2]] == ["a", ""]
    assert [part["type"] for part in found[1]["output"]] == ["input_text", "input_image"]
    assert found[2]["type"] == "custom_tool_call_output"
    assert losses.dropped == ["m[0].x.is_error"]


def test_a_document_has_a_name_which_the_api_asks_for() -> None:
    found, losses = items(
        "user",
        Media(kind="document", media_type="application/pdf", data="JVBE"),
        Media(kind="document", text="words", name="a.txt"),
    )
    assert [part["filename"] for part in found[0]["content"]] == ["document.pdf", "a.txt"]
    assert found[0]["content"][1]["file_data"] == "data:text/plain;base64,d29yZHM="
    assert losses.fatal == []


def test_content_that_cannot_be_said_is_never_dropped() -> None:
    _, losses = items(
        "user",
        Media(kind="audio", data="AAAA", at="m[0].a"),
        Media(kind="image", file_id="file_of_anthropic", at="m[0].b"),
        Opaque(dialect="gemini_generate", raw={}, at="m[0].c"),
    )
    assert losses.fatal == ["m[0].a", "m[0].b", "m[0].c"]


def test_files_of_openai_are_known_to_openai() -> None:
    found, losses = items("user", Media(kind="image", file_id="file-1"), dialect="openai_chat")
    assert found[0]["content"][0]["file_id"] == "file-1"
    assert losses.fatal == []


def test_marks_of_this_family_are_kept_and_those_of_others_are_left_out() -> None:
    text = Text(text="a", cache=Cache("30m"), at="m[0].a")
    found, losses = items("user", text, dialect="openai_responses")
    assert found[0]["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit", "ttl": "30m"}
    assert losses.dropped == []
    assert items("user", text)[1].dropped == ["m[0].a.cache_control"]


def test_the_first_plain_system_message_is_the_instructions() -> None:
    system = [Message(role="system", parts=[Text(text=text)], at="s") for text in ("One.", "Two.")]
    body, _ = written(request(messages=system))
    is_request(body)
    assert json.loads(body)["instructions"] == "One."
    assert json.loads(body)["input"] == [{"type": "message", "role": "system", "content": "Two."}]
