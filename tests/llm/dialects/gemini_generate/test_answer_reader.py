from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm.canonical import Logprob, Opaque, Stop, Text, ToolCall, TopLogprob
from sluicegate.llm.dialects.gemini_generate.answer_reader import measure, read_answer
from sluicegate.llm.failure import Malformed
from support.gemini_sdk import GOLDEN, SCENARIOS, Sdk


def answer(*parts: dict[str, Any], **fields: Any) -> bytes:
    candidate = {"content": {"parts": list(parts)}, "finishReason": "STOP", **fields}
    return json.dumps({"candidates": [candidate], "responseId": "r-1"}).encode()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_golden_says_what_the_sdk_reads_in_it(scenario: str) -> None:
    body = (GOLDEN / f"{scenario}.response.json").read_bytes()
    theirs, ours = Sdk(body).ask(scenario), read_answer(body)
    assert theirs.candidates
    content = theirs.candidates[0].content
    parts = content.parts or [] if content else []
    spoken = "".join(part.text or "" for part in parts if not part.thought)
    assert spoken == "".join(one.text for one in ours.choices[0].parts if isinstance(one, Text))
    calls = [one for one in ours.choices[0].parts if isinstance(one, ToolCall)]
    assert [part.function_call.args for part in parts if part.function_call] == [
        json.loads(call.arguments) for call in calls
    ]
    assert theirs.usage_metadata is not None
    assert ours.usage is not None
    assert theirs.usage_metadata.total_token_count == ours.usage.total
    assert measure(body) == ours.usage


def test_calls_without_an_id_get_one_of_their_answers() -> None:
    call = {"functionCall": {"name": "f"}}
    named = {"functionCall": {"name": "f", "id": "mine"}}
    calls = read_answer(answer(call, named, call)).choices[0].parts
    assert [one.id for one in calls if isinstance(one, ToolCall)] == [
        "call_r-1_0",
        "mine",
        "call_r-1_2",
    ]


def test_what_is_known_to_google_alone_is_kept_whole() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "AA=="}, "odd": 1}
    (read,) = read_answer(answer(part)).choices[0].parts
    assert read == Opaque(dialect="gemini_generate", raw=part)


def test_sources_are_citations_of_the_text() -> None:
    body = answer(
        {"text": "a"},
        citationMetadata={"citationSources": [{"uri": "u"}]},
        groundingMetadata={"webSearchQueries": ["q"]},
        avgLogprobs=-0.5,
    )
    read = read_answer(body)
    (text,) = read.choices[0].parts
    assert isinstance(text, Text)
    assert text.citations == [{"uri": "u"}, {"groundingMetadata": {"webSearchQueries": ["q"]}}]
    assert read.extras == {"candidates[0].avgLogprobs": -0.5}


def test_probabilities_are_read() -> None:
    said = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.1}],
        "topCandidates": [{"candidates": [{"token": "b", "logProbability": -2.0}]}],
    }
    read = read_answer(answer({"text": "a"}, logprobsResult=said))
    assert read.choices[0].logprobs == [
        Logprob(token="a", logprob=-0.1, top_logprobs=[TopLogprob(token="b", logprob=-2.0)])
    ]


def test_a_blocked_prompt_is_an_answer_that_was_filtered() -> None:
    body = (GOLDEN / "errors" / "content_filter.json").read_text()
    read = read_answer(json.dumps(json.loads(body)["body"]).encode())
    assert read.choices[0].stop == Stop(reason="content_filter", detail="PROHIBITED_CONTENT")
    assert read.choices[0].parts == []


def test_time_is_told_where_vertex_tells_it() -> None:
    body = json.loads(answer({"text": "a"})) | {"createTime": "2026-01-01T00:00:00.123456Z"}
    assert read_answer(json.dumps(body).encode()).created == 1767225600


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"candidates": []}', b'{"candidates": [{}]}', b"\xff"]
)
def test_what_is_no_whole_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_answer(body)
