from __future__ import annotations

from typing import Any

import pytest

from sluicegate.llm import canonical
from sluicegate.llm.dialects.cohere_chat.write_messages import write_messages
from sluicegate.llm.losses import Losses
from support.llm_samples import PARIS, SIGNED, request


def write(role: canonical.Role, *parts: canonical.Part, own: bool = False) -> tuple[Any, Losses]:
    losses = Losses({}, "cohere_chat")
    asked = request(messages=[canonical.Message(role=role, parts=list(parts), at="m")])
    if own:
        asked.dialect = "cohere_chat"
    return write_messages(asked, losses), losses


def test_one_text_is_plain() -> None:
    assert write("user", canonical.Text(text="Hi"))[0] == [{"role": "user", "content": "Hi"}]


def test_images_are_data_or_at_a_url() -> None:
    image = canonical.Media(kind="image", media_type="image/png", data="AA", detail="low")
    there = canonical.Media(
        kind="image", url="https://example.com/a.png", detail="original", at="p"
    )
    (message,), losses = write("user", image, there)
    assert [item["image_url"] for item in message["content"]] == [
        {"url": "data:image/png;base64,AA", "detail": "low"},
        {"url": "https://example.com/a.png"},
    ]
    assert losses.lost == ["p.detail"]


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", canonical.Media(kind="image", file_id="f", at="p")),
        ("user", canonical.Media(kind="document", text="x", at="p")),
        ("system", canonical.Media(kind="image", data="AA", at="p")),
        ("assistant", canonical.Opaque(dialect="other", raw={}, at="p")),
        ("assistant", canonical.ToolCall(id="1", name="n", arguments="", custom=True, at="p")),
        ("tool", canonical.ToolResult(id="1", parts=[], custom=True, at="p")),
        (
            "tool",
            canonical.ToolResult(id="1", parts=[canonical.Media(kind="image", data="A", at="p")]),
        ),
    ],
)
def test_content_without_words_is_refused(role: canonical.Role, part: canonical.Part) -> None:
    assert write(role, part)[1].fatal == ["p"]


def test_reasoning_that_can_be_read_is_written_and_the_signature_left_out() -> None:
    hidden = canonical.Thinking(redacted=True, at="h")
    (turn,), losses = write("assistant", SIGNED, hidden, PARIS)
    assert turn["content"] == [{"type": "thinking", "thinking": SIGNED.text}]
    assert turn["tool_calls"][0]["id"] == "call_0"
    assert losses.dropped == ["m[1].signature", "h"]


def test_a_plan_is_a_plan_again() -> None:
    (turn,), _ = write("assistant", canonical.Thinking(text="p", id="tool_plan"), PARIS)
    assert turn["tool_plan"] == "p"
    assert "content" not in turn


def test_a_turn_without_words_has_an_empty_one() -> None:
    assert write("assistant")[0] == [{"role": "assistant", "content": ""}]
    (turn,), _ = write("assistant", canonical.Refusal(text="No."))
    assert turn["content"] == "No."


def test_citations_go_back_where_they_came_from() -> None:
    text = canonical.Text(text="a", citations=[{"start": 0}], at="p")
    assert write("assistant", text, own=True)[0][0]["citations"] == [{"start": 0}]
    assert write("assistant", text)[1].dropped == ["p.citations"]


def test_each_result_is_a_message() -> None:
    one = canonical.ToolResult(id="1", parts=[canonical.Text(text="a")], failed=True, at="p")
    json = canonical.Media(kind="document", media_type="application/json", text='{"a":1}', name="d")
    text = canonical.Media(kind="document", text="words")
    bad = canonical.Media(kind="document", media_type="application/json", text="[1")
    two = canonical.ToolResult(id="2", parts=[json, text, bad])
    messages, losses = write("tool", one, two)
    assert messages[0] == {"role": "tool", "tool_call_id": "1", "content": "a"}
    assert [item["document"] for item in messages[1]["content"]] == [
        {"data": {"a": 1}, "id": "d"},
        {"data": {"text": "words"}},
        {"data": {"text": "[1"}},
    ]
    assert losses.dropped == ["p.is_error"]


def test_cache_markers_are_left_out_and_announced() -> None:
    text = canonical.Text(text="a", cache=canonical.Cache(), at="p")
    assert write("user", text)[1].dropped == ["p.cache_control"]


def test_a_name_is_lost() -> None:
    losses = Losses({}, "cohere_chat")
    message = canonical.Message(role="user", parts=[], name="Ann", at="m")
    assert write_messages(request(messages=[message]), losses) == [{"role": "user", "content": []}]
    assert losses.lost == ["m.name"]
