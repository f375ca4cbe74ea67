from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

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
    Opaque,
    PartBegun,
    PartEnded,
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
from sluicegate.llm.dialect import Frame
from sluicegate.llm.dialects.anthropic_messages.stream_reader import MessagesReader
from sluicegate.llm.failure import Malformed
from sluicegate.llm.framing.sse import SseFraming

GOLDENS = Path(__file__).parents[3] / "golden/llm/anthropic_messages"
START = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}},
}
STOP = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 2},
}
DONE = {"type": "message_stop"}


def frame(event: object) -> Frame:
    return Frame(b"", "", json.dumps(event).encode())


def begin(block: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(kind: str, index: int = 0, **said: object) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **said}}


def read(*events: object) -> list[Event]:
    reader = MessagesReader()
    return [said for event in events for said in reader.read(frame(event))]


def part(block: dict[str, Any], *deltas: dict[str, Any]) -> list[Event]:
    return read(START, begin(block), *deltas)[1:]


def test_a_stream_is_read_from_its_beginning_to_its_end() -> None:
    text = {"type": "text", "text": ""}
    stop = {"type": "content_block_stop", "index": 0}
    events = read(
        START, {"type": "ping"}, begin(text), delta("text_delta", text="a"), stop, STOP, DONE
    )
    assert events == [
        Begun("msg_1", "m", 0, Usage(input=3, output=1)),
        PartBegun(0, 0, Text(text="")),
        Delta(0, 0, "a"),
        PartEnded(0, 0),
        Stopped(0, Stop(reason="end")),
        Used(Usage(input=3, output=2)),
        Ended(),
    ]


def test_reasoning_its_signature_and_citations_are_events_of_their_own() -> None:
    thought = part(
        {"type": "thinking", "thinking": "", "signature": ""},
        delta("thinking_delta", thinking="Hm."),
        delta("signature_delta", signature="c2ln"),
    )
    assert thought == [
        PartBegun(0, 0, Thinking()),
        Delta(0, 0, "Hm."),
        Signed(0, 0, Signature("anthropic", "c2ln")),
    ]
    citation = {"type": "char_location"}
    text = part({"type": "text", "text": ""}, delta("citations_delta", citation=citation))
    assert text == [PartBegun(0, 0, Text(text="")), Cited(0, 0, citation)]
    redacted = part({"type": "redacted_thinking", "data": "xyz"})
    assert redacted == [
        PartBegun(0, 0, Thinking(redacted=True, signature=Signature("anthropic", "xyz")))
    ]


def test_what_a_block_holds_from_the_start_is_not_lost() -> None:
    citation = {"type": "char_location"}
    assert part({"type": "text", "text": "a", "citations": [citation]}) == [
        PartBegun(0, 0, Text(text="")),
        Cited(0, 0, citation),
        Delta(0, 0, "a"),
    ]
    assert part({"type": "thinking", "thinking": "Hm.", "signature": "s"}) == [
        PartBegun(0, 0, Thinking()),
        Signed(0, 0, Signature("anthropic", "s")),
        Delta(0, 0, "Hm."),
    ]
    assert part({"type": "tool_use", "id": "a", "name": "f", "input": {"b": 1}}) == [
        PartBegun(0, 0, ToolCall(id="a", name="f", arguments="")),
        Delta(0, 0, '{"b": 1}'),
    ]


def test_what_only_the_vendor_has_words_for_comes_whole() -> None:
    block = {"type": "server_tool_use", "id": "a", "name": "web_search", "input": {}}
    pieces = [delta("input_json_delta", partial_json=each) for each in ('{"que', 'ry":"x"}')]
    stop = {"type": "content_block_stop", "index": 0}
    whole = Opaque(dialect="anthropic_messages", raw=block | {"input": {"query": "x"}})
    assert part(block, *pieces) == []
    assert part(block, *pieces, stop) == [PartBegun(0, 0, whole), PartEnded(0, 0)]
    assert part(block, *pieces, STOP)[:2] == [PartBegun(0, 0, whole), PartEnded(0, 0)]


def test_a_new_kind_of_block_may_even_hold_words() -> None:
    block = {"type": "hologram", "x": 1}
    words = delta("text_delta", text="hi")
    stop = {"type": "content_block_stop", "index": 0}
    whole = Opaque(dialect="anthropic_messages", raw=block)
    assert part(block, words, stop) == [PartBegun(0, 0, whole), PartEnded(0, 0)]


def test_half_of_what_only_the_vendor_has_words_for_is_malformed() -> None:
    block = {"type": "server_tool_use", "id": "a", "name": "web_search", "input": {}}
    stop = {"type": "content_block_stop", "index": 0}
    with pytest.raises(Malformed):
        part(block, delta("input_json_delta", partial_json='{"que'), stop)


def test_what_is_new_in_the_api_is_passed_over() -> None:
    text = {"type": "text", "text": ""}
    assert (
        read({"type": "weather_report"}, START, begin(text), delta("mood_delta", mood="good"))[2:]
        == []
    )


def test_blocks_that_were_never_closed_are_closed_by_the_stop() -> None:
    events = read(START, begin({"type": "text", "text": ""}), STOP)
    assert PartEnded(0, 0) in events


def test_an_error_ends_the_stream() -> None:
    reader = MessagesReader()
    reader.read(frame(START))
    (event,) = reader.read(frame({"type": "error", "error": {"type": "overloaded_error"}}))
    assert isinstance(event, Failed)
    assert (event.failure.kind, event.failure.status) == ("overloaded", 503)
    assert (reader.read(frame(DONE)), reader.end()) == ((), ())


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}],
        [START, START],
        [STOP],
        [DONE],
        [START, DONE],
        [START, delta("text_delta", text="a")],
        [begin({"type": "text", "text": ""})],
        [START, begin({"type": "text"})],
        [START, begin({"type": "text", "text": ""}), begin({"type": "text", "text": ""})],
        [START, {"type": "content_block_stop", "index": 0}],
        [START, STOP, begin({"type": "text", "text": ""})],
        [{"type": "message_start"}],
        ["message_start"],
        [[1]],
    ],
)
def test_events_that_do_not_follow_from_each_other_are_malformed(events: list[object]) -> None:
    with pytest.raises(Malformed):
        read(*events)


@pytest.mark.parametrize("scenario", ["text", "tools", "reasoning"])
def test_a_stream_that_is_cut_anywhere_never_ends_well(scenario: str) -> None:
    stream = (GOLDENS / f"{scenario}.stream").read_bytes()
    end = stream.index(b"event: message_stop")
    for cut in range(0, end, 7):
        framing, reader = SseFraming(), MessagesReader()
        for one in framing.feed(stream[:cut]):
            reader.read(one)
        with pytest.raises(Malformed):
            reader.end()


@given(st.binary(max_size=40) | st.recursive(
    st.none() | st.integers() | st.text(max_size=4) | st.sampled_from(["text", "message_start"]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(["type", "index", "delta", "content_block", "message", "usage"]),
        inner,
        max_size=4,
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_garbage_is_malformed_or_passed_over(garbage: bytes) -> None:
    reader = MessagesReader()
    with contextlib.suppress(Malformed):
        assert list(reader.read(Frame(b"", "", garbage))) == []
