from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import (
    Begun,
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    Logprob,
    Logprobs,
    Opaque,
    PartBegun,
    PartEnded,
    Refusal,
    Signature,
    Signed,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from sluicegate.llm.dialects.anthropic_messages.stream_reader import MessagesReader
from sluicegate.llm.dialects.anthropic_messages.stream_writer import MessagesWriter
from sluicegate.llm.failure import Failure
from sluicegate.llm.framing.sse import SseFraming
from support.anthropic_scenarios import calls
from support.anthropic_sdk import streamed

BEGUN = Begun("msg_1", "m", 0)
END: list[Event] = [Stopped(0, Stop(reason="end")), Used(Usage(input=3, output=2)), Ended()]
CALL = calls()["text"]


def written(*events: Event) -> bytes:
    writer = MessagesWriter()
    return b"".join(writer.write([event]) for event in (BEGUN, *events))


def read(stream: bytes) -> list[Event]:
    reader = MessagesReader()
    return [event for frame in SseFraming().feed(stream) for event in reader.read(frame)]


def last_delta(stream: bytes) -> dict[str, Any]:
    frames = [f for f in SseFraming().feed(stream) if f.name == "message_delta"]
    (fields,) = [json.loads(frame.data) for frame in frames]
    return fields  # type: ignore[no-any-return]


def test_the_sdk_makes_one_message_of_parts_that_come_interleaved() -> None:
    stream = written(
        PartBegun(0, 0, Thinking()),
        Delta(0, 0, "Hm."),
        Signed(0, 0, Signature("gemini", "s")),
        PartEnded(0, 0),
        PartBegun(0, 1, ToolCall(id="a", name="f", arguments="")),
        PartBegun(0, 2, ToolCall(id="b", name="g", arguments="")),
        Delta(0, 1, '{"x":'),
        Delta(0, 2, '{"y":2}'),
        Delta(0, 1, "1}"),
        *END,
    )
    message = streamed(CALL, stream)
    thought, first, second = message.content
    assert thought.type == "thinking"
    assert (thought.thinking, thought.signature) == ("Hm.", "gemini:s")
    assert first.type == second.type == "tool_use"
    assert (first.input, second.input) == ({"x": 1}, {"y": 2})
    assert (message.usage.input_tokens, message.usage.output_tokens) == (3, 2)
    assert message.stop_reason == "end_turn"


def test_what_was_used_is_said_once_whenever_the_provider_said_it() -> None:
    early = written(Used(Usage(input=3, output=2)), Stopped(0, Stop(reason="length")), Ended())
    assert last_delta(early)["usage"]["input_tokens"] == 3
    assert last_delta(early)["delta"]["stop_reason"] == "max_tokens"
    assert last_delta(written(*END))["usage"]["output_tokens"] == 2


def test_what_has_no_block_is_told_at_the_end_and_counts_no_index() -> None:
    stream = written(
        PartBegun(0, 0, Opaque(dialect="gemini_generate", raw={"a": 1})),
        Delta(0, 0, "more"),
        PartEnded(0, 0),
        PartBegun(0, 1, Text(text="")),
        Cited(0, 1, {"type": "url_citation"}),
        Delta(0, 1, "Hello"),
        Logprobs(0, [Logprob(token="a", logprob=-1.0)]),
        Stopped(0, Stop(reason="end", detail="OTHER")),
        Ended(),
    )
    assert streamed(CALL, stream).content[0].type == "text"
    said = last_delta(stream)["sluicegate"]
    assert said["parts"] == [
        {"index": 0, "dialect": "gemini_generate", "raw": {"a": 1}, "text": "more"}
    ]
    assert said["citations"] == [{"index": 1, "citation": {"type": "url_citation"}}]
    assert said["stop_detail"] == "OTHER"
    assert said["logprobs"][0]["token"] == "a"


def test_choices_beside_the_first_are_not_said() -> None:
    stream = written(PartBegun(1, 0, Text(text="")), Delta(1, 0, "x"), PartEnded(1, 0), *END)
    assert streamed(CALL, stream).content == []


@pytest.mark.parametrize("told", [False, True])
def test_a_stream_that_fails_ends_with_an_error_and_never_well(told: bool) -> None:  # noqa: FBT001 - a column
    failure = Failure(kind="overloaded", status=529, message="Overloaded")
    writer = MessagesWriter()
    stream = writer.write([BEGUN, PartBegun(0, 0, Text(text="")), Delta(0, 0, "He")])
    stream += writer.write([Failed(failure)]) if told else writer.fail(failure)
    assert writer.write([Ended()]) == b""
    with pytest.raises(anthropic.APIStatusError) as raised:
        streamed(CALL, stream)
    assert raised.value.type == "overloaded_error"


PARTS = st.sampled_from(
    [
        Text(text=""),
        Text(text="", signature=Signature("gemini", "s")),
        Thinking(),
        Thinking(id="rs_1"),
        ToolCall(id="a", name="f", arguments=""),
        Refusal(text=""),
        Opaque(dialect="anthropic_messages", raw={"type": "server_tool_use", "id": "s"}),
    ]
)


@given(
    st.lists(st.tuples(PARTS, st.lists(st.text(min_size=1, max_size=5), max_size=3)), max_size=4)
)
def test_events_that_were_written_are_read_again(parts: list[tuple[Any, list[str]]]) -> None:
    events: list[Event] = [Begun("msg_1", "m", 0, Usage())]
    for index, (part, texts) in enumerate(parts):
        events.append(PartBegun(0, index, part))
        if not isinstance(part, Opaque):  # which comes whole
            events += [Delta(0, index, text) for text in texts]
        events.append(PartEnded(0, index))
    events += END
    writer = MessagesWriter()
    assert read(b"".join(writer.write([event]) for event in events)) == events
