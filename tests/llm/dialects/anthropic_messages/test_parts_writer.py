from __future__ import annotations

import base64
from typing import Any

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
from sluicegate.llm.dialects.anthropic_messages.parts_writer import PartsWriter, id_of, object_of
from sluicegate.llm.losses import Losses

OWN = Signature("anthropic", "c2ln")
PNG = "iVBORw0KGgoAAAA"


def losses() -> Losses:
    return Losses({}, "anthropic_messages")


def written(part: Part, *, own: bool = False) -> dict[str, Any]:
    found = losses()
    (block,) = PartsWriter(found, own=own).blocks([part])
    assert found.settle(drop=False) == []
    return block


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            Text(text="Hi", cache=Cache("1h")),
            {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ),
        (
            Text(text="Hi", citations=[{"type": "char_location"}, {"type": "url_citation"}]),
            {"type": "text", "text": "Hi", "citations": [{"type": "char_location"}]},
        ),
        (
            Thinking(text="Hm.", signature=OWN),
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        ),
        (Thinking(redacted=True, signature=OWN), {"type": "redacted_thinking", "data": "c2ln"}),
        (Opaque(dialect="anthropic_messages", raw={"type": "x"}), {"type": "x"}),
        (
            Media(kind="image", data=PNG),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
        (
            Media(kind="image", url="https://x/", detail="auto"),
            {"type": "image", "source": {"type": "url", "url": "https://x/"}},
        ),
        (
            Media(kind="document", text="words", name="T", context="C", cited=True),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                "title": "T",
                "context": "C",
                "citations": {"enabled": True},
            },
        ),
        (
            Media(
                kind="document",
                media_type="text/plain; charset=utf-8",
                data=base64.b64encode(b"words").decode(),
            ),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "words"},
            },
        ),
        (
            ToolResult(id="a", parts=[Text(text="18")], failed=True),
            {"type": "tool_result", "tool_use_id": "a", "content": "18", "is_error": True},
        ),
        (
            ToolResult(id="a", parts=[Text(text="18"), Text(text="19")]),
            {
                "type": "tool_result",
                "tool_use_id": "a",
                "content": [{"type": "text", "text": "18"}, {"type": "text", "text": "19"}],
            },
        ),
        (ToolResult(id="a", parts=[]), {"type": "tool_result", "tool_use_id": "a"}),
    ],
)
def test_each_part_has_its_block(part: Part, block: dict[str, Any]) -> None:
    assert written(part) == block


@pytest.mark.parametrize(
    "part",
    [
        Media(kind="audio", data="aa", at="here"),
        Media(kind="image", data="????", at="here"),
        Media(kind="image", media_type="image/bmp", data="aa", at="here"),
        Media(kind="image", file_id="f", at="here"),
        Media(kind="document", media_type="text/plain", data="/w==", at="here"),
        Opaque(dialect="gemini_generate", raw={}, at="here"),
        ToolCall(id="a", name="f", arguments="free", custom=True, at="here"),
        ToolCall(id="a", name="f", arguments="[1]", at="here"),
        ToolCall(id="a", name="f", arguments="{broken", at="here"),
    ],
)
def test_content_that_cannot_be_said_is_never_dropped(part: Part) -> None:
    found = losses()
    assert PartsWriter(found, own=False).blocks([part]) == []
    assert found.fatal == ["here"]


@pytest.mark.parametrize(
    "part",
    [
        Thinking(text="Hm.", at="here"),
        Thinking(text="Hm.", signature=Signature("gemini", "s"), at="here"),
        ToolCall(id="a", name="f", arguments="{}", signature=Signature("gemini", "s"), at="here"),
    ],
)
def test_what_another_family_signed_is_left_out_and_announced(part: Part) -> None:
    found = losses()
    PartsWriter(found, own=False).blocks([part])
    assert found.settle(drop=False) == ["here"]


def test_a_refusal_is_said_as_text_and_that_is_announced() -> None:
    found = losses()
    blocks = PartsWriter(found, own=False).blocks([Refusal(text="No.", at="here")])
    assert blocks == [{"type": "text", "text": "No."}]
    assert found.settle(drop=False) == ["here"]


def test_files_of_the_same_vendor_are_good_and_empty_text_says_nothing() -> None:
    image = written(Media(kind="image", file_id="f"), own=True)
    assert image["source"] == {"type": "file", "file_id": "f"}
    assert PartsWriter(losses(), own=True).blocks([Text(text=""), Refusal(text="")]) == []


def test_a_detail_of_an_image_is_a_loss_that_may_be_dropped() -> None:
    found = losses()
    PartsWriter(found, own=False).blocks([Media(kind="image", url="u", detail="low", at="here")])
    assert found.lost == ["here.detail"]


def test_ids_are_made_such_as_the_api_takes() -> None:
    assert id_of("functions.f:0") == "functions_f_0"
    assert id_of("toolu_01-x") == "toolu_01-x"


def test_arguments_are_an_object_or_none_at_all() -> None:
    assert object_of(" ") == {}
    assert object_of('{"a": 1}') == {"a": 1}
    assert object_of("[" * 100_000) is None
