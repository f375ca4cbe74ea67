from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm import canonical
from sluicegate.llm.dialect import Frame
from sluicegate.llm.dialects.bedrock_converse.stream_reader import ConverseReader
from sluicegate.llm.failure import Malformed
from sluicegate.llm.framing.event_stream import EventStreamFraming
from support.llm_goldens import golden, parts_of

START = ("messageStart", {"role": "assistant"})
STOP = ("messageStop", {"stopReason": "end_turn"})


def delta(index: int, **said: Any) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": said, "p": "abc"}


def end(index: int) -> tuple[str, dict[str, Any]]:
    return "contentBlockStop", {"contentBlockIndex": index}


def read(*frames: tuple[str, dict[str, Any]]) -> list[canonical.Event]:
    reader = ConverseReader()
    events: list[canonical.Event] = []
    for name, body in frames:
        events += reader.read(Frame(b"", name, json.dumps(body).encode()))
    return [*events, *reader.end()]


def test_text_begins_with_its_first_delta() -> None:
    events = read(START, delta(0, text="a"), delta(0, text="b"), end(0), STOP)
    assert [type(event).__name__ for event in events] == [
        "Begun",
        "PartBegun",
        "Delta",
        "Delta",
        "PartEnded",
        "Stopped",
        "Ended",
    ]


def test_a_signature_in_pieces_is_told_whole() -> None:
    pieces = [delta(0, reasoningContent={"signature": one}) for one in ("ab", "cd")]
    thought = delta(0, reasoningContent={"text": "t"})
    (part,) = parts_of(read(START, thought, *pieces, end(0), STOP))
    assert part == canonical.Thinking(text="t", signature=canonical.Signature("anthropic", "abcd"))


def test_redacted_reasoning_in_pieces_is_told_whole() -> None:
    pieces = [delta(0, reasoningContent={"redactedContent": one}) for one in ("AA==", "AQI=")]
    (part,) = parts_of(read(START, *pieces, end(0), STOP))
    signature = canonical.Signature("anthropic", "AAEC")
    assert part == canonical.Thinking(redacted=True, signature=signature)


def test_citations_belong_to_their_text() -> None:
    (part,) = parts_of(read(START, delta(0, citation={"title": "x"}), delta(0, text="a"), STOP))
    assert part == canonical.Text(text="a", citations=[{"title": "x"}])


def test_what_only_bedrock_has_is_opaque() -> None:
    raw = {"contentBlockIndex": 0, "start": {"toolResult": {"toolUseId": "1"}}}
    events = read(START, ("contentBlockStart", raw), delta(1, toolResult=[{"text": "x"}]), STOP)
    opaque = [e.empty for e in events if isinstance(e, canonical.PartBegun)]
    assert opaque[0] == canonical.Opaque(dialect="bedrock_converse", raw=raw)
    assert isinstance(opaque[1], canonical.Opaque)
    assert opaque[1].raw["delta"] == {"toolResult": [{"text": "x"}]}


def test_events_of_later_versions_are_left_alone() -> None:
    assert len(read(START, ("newEvent", {"x": 1}), STOP)) == len(read(START, STOP))


def test_usage_may_come_early_and_ends_the_stream_late() -> None:
    used = ("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}})
    assert isinstance(read(START, used, STOP)[-1], canonical.Ended)
    assert read(START, STOP, used, delta(0, text="late"))[-1] == canonical.Ended()


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [START],
        [STOP],
        [delta(0, text="a")],
        [START, delta(0, toolUse={"input": "{"})],
        [START, STOP, delta(0, text="a")],
        [START, STOP, delta(0, toolResult=[])],
        [START, delta(0, reasoningContent={"redactedContent": "A"})],
        [START, ("contentBlockDelta", {"delta": {}})],
        [START, ("messageStop", {"stopReason": "malformed_tool_use"})],
    ],
)
def test_streams_that_cannot_be_are_malformed(frames: list[tuple[str, dict[str, Any]]]) -> None:
    with pytest.raises(Malformed):
        read(*frames)


@given(st.integers(0, 3000))
def test_a_cut_stream_never_ends_well(cut: int) -> None:
    data = golden("bedrock_converse", "tools.stream")
    framing, reader, events = EventStreamFraming(), ConverseReader(), list[canonical.Event]()
    for frame in framing.feed(data[: cut % len(data)]):
        events += reader.read(frame)
    if any(isinstance(event, canonical.Stopped) for event in events):
        return  # only usage is missing
    with pytest.raises(Malformed):
        reader.end()


def test_nothing_is_missing_after_a_failure() -> None:
    events = read(START, ("exception:throttlingException", {"message": "slow"}), STOP)
    assert isinstance(events[-1], canonical.Failed)
