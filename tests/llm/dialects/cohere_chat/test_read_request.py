from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm import canonical
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.cohere_chat.read_request import read_request
from sluicegate.llm.failure import CallError


def read(*messages: dict[str, Any], **fields: Any) -> canonical.Request:
    body = {"model": "m", "messages": list(messages)} | fields
    return read_request(Incoming(json.dumps(body).encode()), drop=False)[0]


def fault(*messages: dict[str, Any], **fields: Any) -> str | None:
    with pytest.raises(CallError) as raised:
        read(*messages, **fields)
    return raised.value.failure.field


HI = {"role": "user", "content": "Hi"}


def test_a_turn_of_the_models_has_plan_thoughts_words_and_calls() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "n", "arguments": "{}"}}
    content = [{"type": "thinking", "thinking": "t"}, {"type": "text", "text": "a"}]
    cited = {"start": 0, "content_index": 1}
    turn = {"role": "assistant", "content": content, "tool_plan": "p", "tool_calls": [call]}
    (message,) = read(turn | {"citations": [cited]}).messages
    plan, thought, text, called = message.parts
    assert plan == canonical.Thinking(text="p", id="tool_plan", at="messages[0].tool_plan")
    assert thought == canonical.Thinking(text="t", at="messages[0].content[0]")
    assert text == canonical.Text(text="a", citations=[cited], at="messages[0].content[1]")
    assert isinstance(called, canonical.ToolCall)
    assert (called.id, called.at) == ("1", "messages[0].tool_calls[0]")


def test_signatures_that_came_from_here_are_known_again() -> None:
    thought = {"type": "thinking", "thinking": "t", "signature": "anthropic:s"}
    (message,) = read({"role": "assistant", "content": [thought]}).messages
    (part,) = message.parts
    assert isinstance(part, canonical.Thinking)
    assert part.signature == canonical.Signature("anthropic", "s")


def test_images_are_data_or_at_a_url() -> None:
    urls = ["data:image/png;base64,AAAA", "https://example.com/a.png"]
    content = [{"type": "image_url", "image_url": {"url": url, "detail": "low"}} for url in urls]
    first, second = read({"role": "user", "content": content}).messages[0].parts
    assert isinstance(first, canonical.Media)
    assert isinstance(second, canonical.Media)
    assert (first.media_type, first.data, first.detail) == ("image/png", "AAAA", "low")
    assert second.url == urls[1]


def test_what_a_tool_gave_may_be_documents() -> None:
    document = {"type": "document", "document": {"id": "d", "data": {"a": 1}}}
    turn = {
        "role": "tool",
        "tool_call_id": "1",
        "content": [document, {"type": "text", "text": "b"}],
    }
    (part,) = read(turn).messages[0].parts
    assert isinstance(part, canonical.ToolResult)
    media, text = part.parts
    assert isinstance(media, canonical.Media)
    assert (media.text, media.name) == ('{"a":1}', "d")
    assert text.text == "b"


def test_fields_have_their_meaning() -> None:
    function = {"name": "n", "description": "d", "parameters": {"type": "object"}}
    request = read(
        HI,
        tools=[{"type": "function", "function": function}],
        strict_tools=True,
        tool_choice="NONE",
        p=0.5,
        k=3,
        stop_sequences=["END"],
        response_format={"type": "json_object"},
        thinking={"type": "enabled"},
        safety_mode="OFF",
        documents=["d", {"data": {"a": 1}}],
    )
    assert request.tools[0].strict is True
    assert request.tool_choice == canonical.ToolChoice(mode="none")
    assert (request.top_p, request.top_k, request.stop) == (0.5, 3, ["END"])
    assert request.format == canonical.Format(kind="json_object")
    assert request.reasoning == canonical.Reasoning(budget=-1)
    assert request.extras["safety_mode"] == "OFF"
    assert request.extras["documents"][0] == "d"
    required = read(HI, tool_choice="REQUIRED", thinking={"type": "disabled"})
    assert required.tool_choice == canonical.ToolChoice(mode="required")
    assert required.reasoning == canonical.Reasoning(budget=0)


def test_faults_are_named_by_their_path() -> None:
    assert fault({"role": "user", "content": [{"type": "text", "txt": 1}]}) == (
        "messages[0].content[0].txt"
    )
    assert fault(HI, temperature="hot") == "temperature"
    assert fault(HI, new=1) == "new"


def test_unknown_fields_may_be_dropped() -> None:
    body = b'{"model":"m","messages":[],"new":1}'
    assert read_request(Incoming(body), drop=True)[1] == ["new"]
