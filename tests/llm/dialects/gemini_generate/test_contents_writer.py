from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.llm.canonical import (
    Cache,
    Message,
    Part,
    Request,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sluicegate.llm.dialects.gemini_generate.contents_writer import UNSIGNED, ContentsWriter
from sluicegate.llm.failure import CallError
from sluicegate.llm.losses import Losses

CALL = ToolCall(id="c1", name="f", arguments='{"a": 1}', at="m[0]")


def write(
    *messages: Message, model: str = "gemini-2.5-pro", losses: Losses | None = None
) -> tuple[Any, list[dict[str, Any]]]:
    request = Request(dialect="x", model=model, messages=list(messages))
    written = ContentsWriter(request, losses or Losses({}, "x")).write()
    plain: tuple[Any, list[dict[str, Any]]] = msgspec.json.decode(
        msgspec.json.encode(written), type=tuple[Any, list[dict[str, Any]]]
    )
    return plain


def said(*parts: Part) -> Message:
    return Message(role="assistant", parts=list(parts), at="m[0]")


def result(identity: str, **fields: Any) -> Message:
    return Message(role="tool", parts=[ToolResult(id=identity, parts=[Text(text="r")], **fields)])


def test_results_are_one_turn_and_named_after_their_calls() -> None:
    other = ToolCall(id="c2", name="g", arguments="")
    _, contents = write(said(CALL, other), result("c1"), result("c2", failed=True))
    assert [content["role"] for content in contents] == ["model", "user"]
    assert [part["functionResponse"] for part in contents[1]["parts"]] == [
        {"id": "c1", "name": "f", "response": {"output": "r"}},
        {"id": "c2", "name": "g", "response": {"error": "r"}},
    ]
    assert contents[0]["parts"][1] == {"functionCall": {"id": "c2", "name": "g", "args": {}}}


def test_a_call_of_another_model_is_excused_to_models_that_ask_for_signatures() -> None:
    _, contents = write(said(CALL, CALL), model="gemini-3-pro")
    first, second = contents[0]["parts"]
    assert first["thoughtSignature"] == UNSIGNED
    assert "thoughtSignature" not in second
    for model in ("gemini-2.5-pro", "publishers/google/models/gemini-2.0-flash", "gemma-3"):
        _, contents = write(said(CALL), model=model)
        assert "thoughtSignature" not in contents[0]["parts"][0]


def test_a_signature_of_thinking_stands_at_the_text_behind_it() -> None:
    thinking = Thinking(text="t", signature=Signature("gemini", "c2ln"))
    _, contents = write(said(thinking, Text(text="a")))
    assert contents[0]["parts"] == [
        {"text": "t", "thought": True},
        {"text": "a", "thoughtSignature": "c2ln"},
    ]
    _, contents = write(said(thinking))
    assert contents[0]["parts"] == [{"text": "t", "thought": True, "thoughtSignature": "c2ln"}]


def test_thinking_that_others_signed_is_left_out_and_announced() -> None:
    losses = Losses({}, "x")
    thinking = Thinking(text="t", signature=Signature("anthropic", "c2ln"), at="m[0].content[0]")
    _, contents = write(said(thinking, Text(text="a")), losses=losses)
    assert contents[0]["parts"] == [{"text": "a"}]
    assert losses.dropped == ["m[0].content[0]"]
    assert not losses.lost


def test_words_of_the_system_go_to_the_front_and_late_ones_are_a_loss() -> None:
    losses = Losses({}, "x")
    early = Message(role="system", parts=[Text(text="a", cache=Cache(), at="s")], at="m[0]")
    late = Message(role="system", parts=[Text(text="b")], at="m[2]")
    user = Message(role="user", parts=[Text(text="c")], name="ada", at="m[1]")
    system, contents = write(early, user, late, losses=losses)
    assert system == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert len(contents) == 1
    assert losses.lost == ["m[1].name", "m[2]"]
    assert losses.dropped == ["s.cache_control"]


def test_arguments_that_are_no_object_are_refused() -> None:
    with pytest.raises(CallError) as caught:
        write(said(ToolCall(id="c", name="f", arguments="[1]", at="m[0].tool_calls[0]")))
    assert caught.value.failure.field == "m[0].tool_calls[0]"


def test_a_turn_without_words_is_still_a_turn() -> None:
    assert write(said(Text(text="")))[1] == [{"role": "model", "parts": [{"text": ""}]}]
