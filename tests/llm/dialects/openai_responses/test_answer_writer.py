"""Answers of others as responses."""

import json
from typing import Any

import msgspec

from sluicegate.llm.canonical import (
    Answer,
    Choice,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from sluicegate.llm.dialects.openai_responses.answer_reader import read_answer
from sluicegate.llm.dialects.openai_responses.answer_writer import write_answer
from support.llm_samples import request
from support.responses_sdk import response


def answer(*parts: Part, stop: Stop | None = None, **fields: Any) -> Answer:
    choice = Choice(index=0, parts=list(parts), stop=stop or Stop(reason="end"))
    return Answer(
        id="msg_01", model="m", created=1, choices=[choice], **({"usage": Usage()} | fields)
    )


def test_nothing_of_another_dialect_is_lost() -> None:
    said = answer(
        Thinking(text="Hm.", signature=Signature("anthropic", "EqQB")),
        Thinking(redacted=True, signature=Signature("anthropic", "xyz")),
        Opaque(dialect="anthropic_messages", raw={"type": "server_tool_use"}),
        Text(text="a", citations=[{"type": "char_location"}], signature=Signature("gemini", "Cg")),
        Media(kind="image", media_type="image/png", data="AAAA"),
        ToolCall(id="c", name="f", arguments="{}", signature=Signature("gemini", "Ch")),
        ToolCall(id="d", name="g", arguments="free", custom=True),
        stop=Stop(reason="pause", detail="pause_turn"),
        usage=Usage(input=9, cache_write=3, cache_write_1h=2, audio_output=1),
        fingerprint="fp",
        extras={"container": {"id": "x"}},
    )
    body = write_answer(said, request())
    response(body)
    assert read_answer(body) == said


def test_a_refusal_without_words_is_not_taken_for_an_answer() -> None:
    bare = answer(stop=Stop(reason="refusal", detail="refusal"))
    seen = response(write_answer(bare, request()))
    assert seen.status == "incomplete"
    assert seen.incomplete_details is not None
    assert seen.incomplete_details.reason == "content_filter"
    assert read_answer(write_answer(bare, request())) == bare
    worded = answer(Refusal(text="No."), stop=Stop(reason="refusal"))
    assert response(write_answer(worded, request())).status == "completed"


def test_who_asks_for_summaries_finds_thoughts_there() -> None:
    asked = request(reasoning=Reasoning(effort="low", summary="auto"))
    body = json.loads(write_answer(answer(Thinking(text="Hm.")), asked))
    assert body["output"][0]["summary"] == [{"type": "summary_text", "text": "Hm."}]


def test_a_stop_sequence_is_said_beside() -> None:
    said = answer(Text(text="a"), stop=Stop(reason="stop_sequence", sequence="END"))
    body = write_answer(said, request())
    assert msgspec.json.decode(body)["sluicegate"]["stop"]["sequence"] == "END"
    assert read_answer(body) == said
