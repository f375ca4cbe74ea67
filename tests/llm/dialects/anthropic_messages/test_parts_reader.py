from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.llm.canonical import (
    Cache,
    Media,
    Opaque,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sluicegate.llm.dialects.anthropic_messages import wire
from sluicegate.llm.dialects.anthropic_messages.parts_reader import part_of

BLOCK: msgspec.json.Decoder[wire.Block] = msgspec.json.Decoder(wire.Block)
CACHE = {"type": "ephemeral", "ttl": "1h"}


def read(**block: Any) -> Part:
    return part_of(BLOCK.decode(msgspec.json.encode(block)), "here", lambda: block)


def document(source: dict[str, Any], **more: Any) -> Part:
    return read(type="document", source=source, **more)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {"type": "base64", "media_type": "image/png", "data": "aa"},
            Media(kind="image", media_type="image/png", data="aa", at="here"),
        ),
        ({"type": "url", "url": "https://x/"}, Media(kind="image", url="https://x/", at="here")),
        ({"type": "file", "file_id": "f"}, Media(kind="image", file_id="f", at="here")),
    ],
)
def test_images_are_read_from_every_source(source: dict[str, Any], expected: Media) -> None:
    assert read(type="image", source=source) == expected


def test_documents_keep_title_context_and_whether_they_may_be_cited() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "words"}
    more = {"title": "T", "context": "C", "citations": {"enabled": True}, "cache_control": CACHE}
    assert document(source, **more) == Media(
        kind="document",
        media_type="text/plain",
        text="words",
        name="T",
        context="C",
        cited=True,
        at="here",
        cache=Cache("1h"),
    )


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "content", "content": "words"}},
        {
            "type": "image",
            "source": {"type": "url", "url": "u"},
            "transformations": {"oversized_image": "error"},
        },
        {"type": "tool_use", "id": "a", "name": "f", "input": {}, "toolset_name": "computer"},
        {
            "type": "tool_use",
            "id": "a",
            "name": "f",
            "input": {},
            "caller": {"type": "code_execution_20250825", "tool_id": "b"},
        },
        {"type": "tool_result", "tool_use_id": "a", "toolset_name": "computer"},
        {"type": "server_tool_use", "id": "a", "name": "web_search", "input": {}},
    ],
)
def test_what_no_other_api_can_say_is_kept_as_it_came(block: dict[str, Any]) -> None:
    assert read(**block) == Opaque(dialect="anthropic_messages", raw=block, at="here")


def test_reasoning_keeps_its_signature_whoever_signed_it() -> None:
    own = read(type="thinking", thinking="Hm.", signature="c2ln")
    assert own == Thinking(text="Hm.", signature=Signature("anthropic", "c2ln"), at="here")
    other = read(type="thinking", thinking="Hm.", signature="gemini:abc")
    assert other == Thinking(text="Hm.", signature=Signature("gemini", "abc"), at="here")
    unsigned = read(type="thinking", thinking="Hm.", signature="")
    assert unsigned == Thinking(text="Hm.", at="here")
    redacted = read(type="redacted_thinking", data="openai:xyz")
    assert redacted == Thinking(redacted=True, signature=Signature("openai", "xyz"), at="here")


def test_a_call_keeps_its_arguments_letter_for_letter() -> None:
    arguments = '{"n": 1.50,  "m":[ ]}'
    block = '{"type":"tool_use","id":"a","name":"f","caller":{"type":"direct"},"input":%s}'
    part = part_of(BLOCK.decode(block % arguments), "here", dict)
    assert part == ToolCall(id="a", name="f", arguments=arguments, at="here")


def test_a_result_may_be_text_blocks_or_nothing() -> None:
    assert read(type="tool_result", tool_use_id="a") == ToolResult(id="a", parts=[], at="here")
    plain = read(type="tool_result", tool_use_id="a", content="18", cache_control=CACHE)
    assert plain == ToolResult(
        id="a", parts=[Text(text="18", at="here.content")], at="here", cache=Cache("1h")
    )
    image = {"type": "image", "source": {"type": "url", "url": "u"}}
    mixed = read(type="tool_result", tool_use_id="a", content=[image])
    assert mixed == ToolResult(
        id="a", parts=[Media(kind="image", url="u", at="here.content[0]")], at="here"
    )


def test_what_our_own_answers_said_beside_the_api_is_understood_when_it_comes_back() -> None:
    assert read(type="text", text="No.", sluicegate={"refusal": True}) == Refusal(
        text="No.", at="here"
    )
    broken = read(type="tool_use", id="a", name="f", input={}, sluicegate={"arguments": "{"})
    assert broken == ToolCall(id="a", name="f", arguments="{}", at="here")
    said = {"signature": "gemini:s", "arguments": "free text", "custom": True}
    assert read(type="tool_use", id="a", name="f", input={}, sluicegate=said) == ToolCall(
        id="a",
        name="f",
        arguments="free text",
        custom=True,
        signature=Signature("gemini", "s"),
        at="here",
    )
