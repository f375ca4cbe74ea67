from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm.canonical import (
    Begun,
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    PartBegun,
    PartEnded,
    Signature,
    Signed,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    Used,
)
from sluicegate.llm.dialect import Frame
from sluicegate.llm.dialects.gemini_generate.stream_reader import GeminiStreamReader
from sluicegate.llm.failure import Malformed
from sluicegate.llm.framing.sse import SseFraming
from support.gemini_sdk import GOLDEN, SCENARIOS, Sdk, parts_of


def frame(**fields: Any) -> Frame:
    return Frame(b"", "", json.dumps({"responseId": "r", **fields}).encode())


def chunk(*parts: dict[str, Any], index: int = 0, **fields: Any) -> Frame:
    candidate = {"content": {"parts": list(parts)}, "index": index, **fields}
    return frame(candidates=[candidate])


def read(*frames: Frame) -> list[Event]:
    reader = GeminiStreamReader()
    events = [event for one in frames for event in reader.read(one)]
    return [*events, *reader.end()]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_golden_says_what_the_sdk_reads_in_it(scenario: str) -> None:
    data = (GOLDEN / f"{scenario}.stream").read_bytes()
    theirs = parts_of(list(Sdk(data).stream(scenario)))
    events = read(*SseFraming().feed(data))
    begun = {event.part: event.empty for event in events if isinstance(event, PartBegun)}
    said = "".join(
        event.text
        for event in events
        if isinstance(event, Delta) and isinstance(begun[event.part], Text)
    )
    assert said == "".join(part.text or "" for part in theirs if not part.thought)
    calls = [empty.name for empty in begun.values() if isinstance(empty, ToolCall)]
    assert calls == [part.function_call.name for part in theirs if part.function_call]
    assert isinstance(events[0], Begun)
    assert isinstance(events[-1], Ended)


def test_a_signature_with_the_first_text_is_that_of_the_thinking() -> None:
    events = read(
        chunk({"text": "t", "thought": True}),
        chunk({"text": "a", "thoughtSignature": "c2ln"}),
        chunk({"text": "b"}, finishReason="STOP"),
    )
    assert events[1:] == [
        PartBegun(0, 0, Thinking()),
        Delta(0, 0, "t"),
        Signed(0, 0, Signature("gemini", "c2ln")),
        PartEnded(0, 0),
        PartBegun(0, 1, Text(text="")),
        Delta(0, 1, "a"),
        Delta(0, 1, "b"),
        PartEnded(0, 1),
        Stopped(0, Stop(reason="end")),
        Ended(),
    ]


def test_a_signature_at_the_very_end_is_that_of_the_text() -> None:
    events = read(
        chunk({"text": "a"}), chunk({"text": "", "thoughtSignature": "c2ln"}, finishReason="STOP")
    )
    assert Signed(0, 0, Signature("gemini", "c2ln")) in events


def test_sources_of_the_last_chunk_are_of_the_text() -> None:
    found = {"webSearchQueries": ["q"]}
    events = read(chunk({"text": "a"}), chunk(finishReason="STOP", groundingMetadata=found))
    assert Cited(0, 0, {"groundingMetadata": found}) in events


def test_candidates_are_told_apart_and_all_must_end() -> None:
    reader = GeminiStreamReader()
    reader.read(chunk({"text": "a"}))
    reader.read(chunk({"text": "b"}, index=1))
    reader.read(chunk(finishReason="STOP"))
    with pytest.raises(Malformed):
        reader.end()
    reader.read(chunk(index=1, finishReason="MAX_TOKENS"))
    assert reader.end() == [Ended()]


def test_the_tokens_are_told_at_the_beginning_and_at_the_end() -> None:
    part = {"content": {"parts": [{"text": "a"}]}}
    frames = [
        frame(candidates=[part], usageMetadata={"promptTokenCount": 4}),
        frame(candidates=[part], usageMetadata={"promptTokenCount": 4, "candidatesTokenCount": 1}),
        frame(
            candidates=[{"finishReason": "STOP"}],
            usageMetadata={"promptTokenCount": 4, "candidatesTokenCount": 2},
        ),
    ]
    outputs = [event.usage.output for event in read(*frames) if isinstance(event, Used)]
    assert outputs == [0, 2]


def test_a_blocked_prompt_is_a_whole_stream() -> None:
    events = read(frame(promptFeedback={"blockReason": "SAFETY"}))
    assert events[1:] == [Stopped(0, Stop(reason="content_filter", detail="SAFETY")), Ended()]


def test_an_error_is_a_failure_and_no_end() -> None:
    reader = GeminiStreamReader()
    reader.read(chunk({"text": "a"}, finishReason="STOP"))
    (failed,) = reader.read(frame(error={"code": 503, "status": "UNAVAILABLE"}))
    assert isinstance(failed, Failed)
    assert failed.failure.kind == "overloaded"
    with pytest.raises(Malformed):
        reader.end()


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"candidates": 1}', b'{"usageMetadata": 1}'])
def test_what_is_no_chunk_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        GeminiStreamReader().read(Frame(b"", "", data))


def test_nothing_comes_after_the_end_of_an_answer() -> None:
    reader = GeminiStreamReader()
    reader.read(chunk({"text": "a"}, finishReason="STOP"))
    with pytest.raises(Malformed):
        reader.read(chunk({"text": "b"}))


def test_a_frame_without_data_says_nothing() -> None:
    assert GeminiStreamReader().read(Frame(b":\n\n", "", b"")) == ()
