from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk

from sluicegate.llm.canonical import (
    Answer,
    Begun,
    Choice,
    Failed,
    Logprob,
    Media,
    Opaque,
    Part,
    PartEnded,
    Refusal,
    Signature,
    Signed,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from sluicegate.llm.dialects import find
from sluicegate.llm.failure import Failure
from support.llm_goldens import answer_of, events_of, stream_of
from support.llm_samples import request
from support.openai_sdk import streamed_of

DIALECT = find("openai_chat")
CITED = [{"type": "url_citation", "url_citation": {"url": "u"}}, {"type": "page"}]
CALL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def answer(*parts: Part, **fields: Any) -> Answer:
    stop = fields.pop("stop", Stop(reason="end"))
    choice = Choice(index=0, parts=list(parts), stop=stop, **fields)
    return Answer(id="i", model="m", created=1, choices=[choice], usage=Usage(input=1, output=2))


def streamed(said: Answer, *, usage: bool = True) -> bytes:
    return DIALECT.writer(request(stream=True, stream_usage=usage)).write(stream_of(said))


EVERY = answer(
    Thinking(text="why", signature=Signature("anthropic", "s")),
    Thinking(redacted=True, signature=Signature("anthropic", "d")),
    Text(text="Some words", citations=CITED, signature=Signature("gemini", "g")),
    Refusal(text="no"),
    Opaque(dialect="gemini_generate", raw={"x": 1}),
    Opaque(dialect="bedrock_converse", raw={"y": 1}),
    ToolCall(id="c", name="f", arguments='{"a":1}', signature=Signature("gemini", "h")),
    ToolCall(id="d", name="g", arguments="text", custom=True),
    stop=Stop(reason="refusal", detail="said so"),
)


def test_everything_that_a_stream_may_hold_comes_back() -> None:
    assert answer_of(events_of(DIALECT, streamed(EVERY))) == EVERY


def test_the_official_sdk_puts_everything_together() -> None:
    said = answer(*[part for part in EVERY.choices[0].parts if not getattr(part, "custom", False)])
    final = streamed_of(streamed(said), CALL)
    read = DIALECT.read_answer(final.to_json().encode())
    assert {type(part).__name__ for part in read.choices[0].parts} == {
        type(part).__name__ for part in said.choices[0].parts
    }
    for part in read.choices[0].parts:
        if isinstance(part, Text):
            assert part.signature == Signature("gemini", "g")
            assert len(part.citations or ()) == 2
        if isinstance(part, Thinking) and not part.redacted:
            assert (part.text, part.signature) == ("why", Signature("anthropic", "s"))


def test_the_official_sdk_takes_a_signature_that_comes_behind_the_arguments() -> None:
    events = stream_of(answer(ToolCall(id="c", name="f", arguments="{}")))
    end = next(at for at, event in enumerate(events) if isinstance(event, PartEnded))
    events.insert(end, Signed(0, 0, Signature("gemini", "s")))
    data = DIALECT.writer(request(stream=True)).write(events)
    call = streamed_of(data, CALL).choices[0].message.tool_calls[0]
    assert call.function.arguments == "{}"
    assert call.model_extra == {"index": 0, "extra_content": {"google": {"thought_signature": "s"}}}


def test_every_chunk_is_of_the_official_type_and_the_first_names_the_role() -> None:
    chunks = [
        ChatCompletionChunk.model_validate_json(line[6:])
        for line in streamed(answer(Text(text="Some words"))).splitlines()
        if line.startswith(b"data: {")
    ]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {one.id for one in chunks} == {"i"}
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []


def test_usage_is_told_to_who_asked() -> None:
    assert b"usage" not in streamed(answer(Text(text="a")), usage=False)
    assert streamed(answer(Text(text="a"))).endswith(b"data: [DONE]\n\n")


def test_several_choices_keep_their_numbers_and_probabilities() -> None:
    said = answer(Text(text="a"), logprobs=[Logprob(token="a", logprob=-1.0)])
    said.choices.append(Choice(index=1, parts=[Text(text="b")], stop=Stop(reason="length")))
    read = answer_of(events_of(DIALECT, streamed(said)))
    said.choices[0].logprobs = None
    assert read.choices == said.choices


@pytest.mark.parametrize("by_event", [True, False])
def test_a_failure_ends_a_stream_without_the_end_marker(by_event: bool) -> None:  # noqa: FBT001 - both ways
    writer = DIALECT.writer(request(stream=True))
    begun = writer.write([Begun("i", "m", 1)])
    failure = Failure(kind="bad_answer", status=502, message="It broke.", ours=True)
    data = writer.write([Failed(failure)]) if by_event else writer.fail(failure)
    assert begun == b""
    assert json.loads(data[6:])["error"] == {
        "message": "It broke.",
        "type": "server_error",
        "param": None,
        "code": "bad_answer",
    }
    assert b"[DONE]" not in data


def test_an_image_has_no_stream_of_its_own() -> None:
    image = Media(kind="image", data="AA")
    assert b"image_url" in DIALECT.write_answer(answer(image), request())
