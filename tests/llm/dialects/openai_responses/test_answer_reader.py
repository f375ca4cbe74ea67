"""Responses are read leniently, and never as whole where they are not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import Opaque, Refusal, Signature, Stop, Text, Thinking, ToolCall
from sluicegate.llm.dialects.openai_responses.answer_reader import measure, read_answer
from sluicegate.llm.failure import AnswerFailed, Malformed
from support.llm_goldens import golden
from support.responses_sdk import NAME


def body(*output: dict[str, Any], **fields: Any) -> bytes:
    whole = {"id": "resp_1", "object": "response", "created_at": 1.0, "model": "m"}
    return json.dumps(whole | {"status": "completed", "output": output} | fields).encode()


def test_every_kind_of_item_becomes_parts() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    cited = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    answer = read_answer(
        body(
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [],
                "content": [{"type": "reasoning_text", "text": "Hm."}],
                "encrypted_content": "c2ln",
            },
            search,
            {"type": "reasoning", "id": "rs_2", "summary": []},
            {
                "type": "message",
                "content": [
                    {"type": "output_text", "text": "a", "annotations": [cited], "new": 1},
                    {"type": "refusal", "refusal": "No."},
                ],
            },
            {"type": "custom_tool_call", "call_id": "c", "name": "g", "input": "free"},
            {"type": "message", "content": [{"type": "output_smell", "smell": "x"}]},
        )
    )
    assert answer.choices[0].parts == [
        Thinking(text="Hm.", id="rs_1", signature=Signature("openai", "c2ln")),
        Opaque(dialect=NAME, raw=search),
        Text(text="a", citations=[cited]),
        Refusal(text="No."),
        ToolCall(id="c", name="g", arguments="free", custom=True),
        Opaque(
            dialect=NAME,
            raw={"type": "message", "content": [{"type": "output_smell", "smell": "x"}]},
        ),
    ]
    assert answer.choices[0].stop == Stop(reason="tool_calls")


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("max_output_tokens", Stop(reason="length")),
        ("content_filter", Stop(reason="content_filter")),
        ("steered", Stop(reason="length", detail="steered")),
    ],
)
def test_why_a_response_is_incomplete_is_kept(reason: str, stop: Stop) -> None:
    answer = read_answer(body(status="incomplete", incomplete_details={"reason": reason}))
    assert answer.choices[0].stop == stop


def test_a_response_that_failed_is_no_answer_and_says_why() -> None:
    failed = body(status="failed", error={"code": "rate_limit_exceeded", "message": "Slow down."})
    for read in (read_answer, measure):
        with pytest.raises(AnswerFailed) as error:
            read(failed)
        assert (error.value.failure.kind, error.value.failure.status) == ("rate_limited", 429)


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled"])
def test_a_response_that_is_not_over_is_no_answer(status: str) -> None:
    with pytest.raises(Malformed):
        read_answer(body(status=status))
    assert measure(body(status=status)) is None


def test_what_only_this_api_says_is_kept() -> None:
    answer = read_answer(body(tool_usage={"web_search": {"num_requests": 2}}))
    assert answer.extras == {"tool_usage": {"web_search": {"num_requests": 2}}}


@given(cut=st.integers(0, 2000))
def test_half_an_answer_is_malformed(cut: int) -> None:
    whole = golden(NAME, "text.response.json")[:-3]
    with pytest.raises(Malformed):
        read_answer(whole[:cut])
    with pytest.raises(Malformed):
        measure(whole[:cut])
