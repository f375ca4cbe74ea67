from __future__ import annotations

import json

import pytest
from openai.types.chat import ChatCompletion

from sluicegate.llm.canonical import (
    Answer,
    Choice,
    Logprob,
    Media,
    Opaque,
    Part,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from sluicegate.llm.dialects.openai_chat import answer_reader, answer_writer
from support.llm_samples import answers


def answer(*parts: Part) -> Answer:
    choice = Choice(index=0, parts=list(parts), stop=Stop(reason="end"))
    return Answer(id="i", model="m", created=1, choices=[choice], usage=None)


@pytest.mark.parametrize("sample", answers())
def test_an_answer_is_read_as_it_was_written_in_every_detail(sample: str) -> None:
    said = answers()[sample]
    body = answer_writer.write(said)
    ChatCompletion.model_validate_json(body)
    read = answer_reader.read(body)
    for one in (read, said):
        for part in one.choices[0].parts:
            part.at = ""
    assert read == said


def test_everything_that_an_answer_may_hold_comes_back() -> None:
    said = answer(
        Thinking(redacted=True, signature=Signature("anthropic", "d")),
        Thinking(text="t", signature=Signature("openai", "s"), id="rs_1", summary=True),
        Text(
            text="w",
            citations=[{"type": "url_citation", "url_citation": {}}, {"type": "page"}],
            signature=Signature("gemini", "g"),
        ),
        Refusal(text="no"),
        Media(kind="image", media_type="image/png", data="AA"),
        Opaque(dialect="openai_chat", raw={"audio": {"id": "a"}}),
        Opaque(dialect="gemini_generate", raw={"executableCode": {}}),
        ToolCall(id="c", name="f", arguments="{}", signature=Signature("gemini", "h")),
        ToolCall(id="d", name="g", arguments="text", custom=True),
    )
    said.choices[0].stop = Stop(reason="pause", detail="pause_turn")
    said.choices[0].logprobs = [Logprob(token="w", logprob=-1.0)]
    said.usage = Usage(input=1, output=2, cache_write=3, cache_write_1h=4, tier="default")
    said.extras = {"metadata": {"a": "b"}, "promptFeedback": {"x": 1}}
    said.service_tier, said.fingerprint = "default", "fp"
    assert answer_reader.read(answer_writer.write(said)) == said


def test_texts_are_joined_and_no_text_is_null() -> None:
    body = json.loads(answer_writer.write(answer(Text(text="a"), Text(text="b"))))
    assert body["choices"][0]["message"]["content"] == "ab"
    assert json.loads(answer_writer.write(answer()))["choices"][0]["message"]["content"] is None


def test_several_choices_keep_their_numbers() -> None:
    said = answer(Text(text="a"))
    said.choices.append(Choice(index=1, parts=[Text(text="b")], stop=Stop(reason="length")))
    assert answer_reader.read(answer_writer.write(said)) == said
