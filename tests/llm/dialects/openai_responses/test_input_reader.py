"""Items become messages."""

import base64
import json
from typing import Any

from sluicegate.llm.canonical import (
    Cache,
    Media,
    Message,
    Opaque,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from support.responses_sdk import read


def messages(*items: dict[str, Any], **fields: Any) -> list[Message]:
    return read(json.dumps({"model": "m", "input": items, **fields})).messages


USER = {"role": "user", "content": "Weather?"}
REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}],
    "encrypted_content": "c2ln",
}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "18 degrees"}


def test_a_turn_of_the_model_is_one_message_and_so_are_its_results() -> None:
    other = {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "free"}
    said = {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "phase": "commentary",
        "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}],
    }
    result = {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"}
    found = messages(USER, REASONING, said, CALL, other, OUTPUT, result, USER)
    assert [message.role for message in found] == ["user", "assistant", "tool", "user"]
    signature = Signature("openai", "c2ln")
    assert found[1].parts == [
        Thinking(text="One.", id="rs_1", summary=True, at="input[1]"),
        Thinking(text="Two.", id="rs_1", summary=True, signature=signature, at="input[1]"),
        Text(text="I look.", at="input[2].content[0]"),
        ToolCall(id="c1", name="f", arguments="{}", at="input[3]"),
        ToolCall(id="c2", name="g", arguments="free", custom=True, at="input[4]"),
    ]
    text = Text(text="18 degrees", at="input[5].output")
    assert found[2].parts[0] == ToolResult(id="c1", name="f", parts=[text], at="input[5]")


def test_instructions_come_first_and_developers_are_the_system() -> None:
    found = messages({"role": "developer", "content": "Be kind."}, USER, instructions="Be brief.")
    assert [(m.role, m.at) for m in found] == [
        ("system", "instructions"),
        ("system", "input[0]"),
        ("user", "input[1]"),
    ]


def test_signatures_of_other_families_are_known_again() -> None:
    sealed = REASONING | {"encrypted_content": "anthropic:EqQB", "id": "rs_sg_x_0", "summary": []}
    assert messages(sealed)[0].parts == [
        Thinking(redacted=True, signature=Signature("anthropic", "EqQB"), at="input[0]")
    ]
    signed = CALL | {"extra_content": {"google": {"thought_signature": "Cg"}}}
    part = messages(signed)[0].parts[0]
    assert isinstance(part, ToolCall)
    assert part.signature == Signature("gemini", "Cg")


def test_reasoning_that_openai_stores_is_its_id() -> None:
    stored = {"type": "reasoning", "id": "rs_1", "summary": []}
    assert messages(stored)[0].parts == [Thinking(id="rs_1", at="input[0]")]


def test_items_that_only_openai_knows_stay_as_they_are() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"a": 1}}
    result = {"type": "computer_call_output", "call_id": "c", "output": {"type": "x"}}
    spaced = CALL | {"namespace": "crm"}
    for item, role in (
        (search, "assistant"),
        (result, "tool"),
        (spaced, "assistant"),
        ({"id": "msg_1"}, "assistant"),
    ):
        (message,) = messages(item)
        assert message.role == role
        assert message.parts == [Opaque(dialect="openai_responses", raw=item, at="input[0]")]


def test_content_is_read_from_wherever_it_is() -> None:
    words = base64.b64encode(b"plain words").decode()
    content = [
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
        {"type": "input_image", "image_url": "https://x/a.png", "detail": "auto"},
        {"type": "input_file", "file_id": "file-1"},
        {
            "type": "input_file",
            "file_data": "data:application/pdf;base64,JVBE",
            "filename": "a.pdf",
        },
        {"type": "input_file", "file_data": f"data:text/plain;base64,{words}"},
        {
            "type": "input_text",
            "text": "a",
            "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"},
        },
    ]
    (message,) = messages({"role": "user", "content": content})
    for part in message.parts:
        part.at = ""
    assert message.parts == [
        Media(kind="image", media_type="image/png", data="AAAA", detail="low"),
        Media(kind="image", url="https://x/a.png"),
        Media(kind="document", file_id="file-1"),
        Media(kind="document", media_type="application/pdf", data="JVBE", name="a.pdf"),
        Media(kind="document", media_type="text/plain", text="plain words"),
        Text(text="a", cache=Cache("12h")),
    ]


def test_what_the_model_said_keeps_citations_and_refusals() -> None:
    cited = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    content = [
        {"type": "output_text", "text": "a", "annotations": [cited]},
        {"type": "refusal", "refusal": "No."},
    ]
    (message,) = messages({"role": "assistant", "content": content})
    assert message.parts == [
        Text(text="a", citations=[cited], at="input[0].content[0]"),
        Refusal(text="No.", at="input[0].content[1]"),
    ]
