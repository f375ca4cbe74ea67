from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm import canonical
from sluicegate.llm.dialects.cohere_chat.answer import measure, read_answer, write_answer
from sluicegate.llm.failure import Malformed
from support.cohere_sdk import CohereSdk
from support.llm_goldens import bare
from support.llm_samples import answers


def body(message: dict[str, Any], **fields: Any) -> bytes:
    plain = {"id": "1", "finish_reason": "COMPLETE", "message": {"role": "assistant"} | message}
    return json.dumps(plain | fields).encode()


@pytest.mark.parametrize("name", answers())
def test_what_is_written_is_read_again_and_by_the_sdk(name: str) -> None:
    answer = answers()[name]
    written = write_answer(answer)
    again = read_answer(written)
    assert bare(again.choices[0].parts) == bare(answer.choices[0].parts)
    assert again.choices[0].stop.reason == answer.choices[0].stop.reason
    assert (again.id, again.model, again.created) == (answer.id, answer.model, answer.created)
    theirs = CohereSdk().answers(written).chat(model="m", messages=[])
    assert theirs.id == answer.id


def test_a_plan_is_reasoning_of_its_own() -> None:
    answer = read_answer(body({"tool_plan": "I look."}))
    plan = canonical.Thinking(text="I look.", id="tool_plan")
    assert answer.choices[0].parts == [plan]
    assert json.loads(write_answer(answer))["message"]["tool_plan"] == "I look."


def test_citations_go_to_their_text() -> None:
    content = [{"type": "thinking", "thinking": "t"}, {"type": "text", "text": "a"}]
    of_text = {"start": 0, "end": 1, "content_index": 1, "type": "TEXT_CONTENT"}
    of_plan = {"start": 0, "end": 1, "type": "PLAN"}
    answer = read_answer(body({"content": content, "citations": [of_text, of_plan]}))
    text = answer.choices[0].parts[1]
    assert isinstance(text, canonical.Text)
    assert text.citations == [of_text]
    assert answer.extras == {"citations": [of_plan]}
    assert json.loads(write_answer(answer))["message"]["citations"] == [of_plan, of_text]


def test_a_piece_of_several_tokens_is_one() -> None:
    item = {"text": "Hello", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}
    answer = read_answer(body({}, logprobs=[item]))
    assert answer.choices[0].logprobs == [canonical.Logprob(token="Hello", logprob=-0.75)]


def test_what_is_paid_counts_and_what_was_seen_is_told_too() -> None:
    tokens = {"input_tokens": 496.0, "output_tokens": 11.0}
    units = {"input_tokens": 8.0, "output_tokens": 9.0}
    usage = {"tokens": tokens, "billed_units": units, "cached_tokens": 448}
    answer = read_answer(body({}, usage=usage))
    assert answer.usage == canonical.Usage(input=8, output=9, cached=8)
    assert answer.extras == {"usage": usage}
    assert json.loads(write_answer(answer))["usage"] == usage


def test_what_cohere_has_no_words_for_stands_in_our_own_field() -> None:
    answer = answers()["usage"]
    answer.choices[0].parts = [
        canonical.Refusal(text="No."),
        canonical.Opaque(dialect="other", raw={"a": 1}),
        canonical.Thinking(redacted=True, signature=canonical.Signature("anthropic", "s")),
        canonical.ToolCall(
            id="1", name="n", arguments="{}", signature=canonical.Signature("gemini", "s")
        ),
    ]
    answer.extras, answer.fingerprint = {"odd": 1}, "f"
    message = json.loads(write_answer(answer))["message"]
    ours = message["sluicegate"]
    assert len(ours["parts"]) == 2
    assert ours["extras"] == {"odd": 1}
    assert ours["fingerprint"] == "f"
    assert message["content"][1] == {
        "type": "thinking",
        "thinking": "",
        "redacted": True,
        "signature": "anthropic:s",
    }
    assert message["tool_calls"][0]["signature"] == "gemini:s"


@pytest.mark.parametrize(
    "bad", [b"", b"{}", b"[]", b"\xff", body({"content": 1}), body({}, finish_reason="ERROR")]
)
def test_no_answer_is_malformed(bad: bytes) -> None:
    with pytest.raises(Malformed):
        read_answer(bad)


@pytest.mark.parametrize("bad", [b"", b"[]", b'{"message":"no"}', b"\xff"])
def test_only_answers_are_measured(bad: bytes) -> None:
    with pytest.raises(Malformed):
        measure(bad)
