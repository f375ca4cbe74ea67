"""Items while they are written."""

import json
from typing import Any

from sluicegate.llm.canonical import Opaque, Part, Text, Thinking, ToolCall
from sluicegate.llm.dialects.openai_responses.written_item import Emit, WrittenItem


def told(emit: Emit) -> list[dict[str, Any]]:
    frames = emit.taken().split(b"\n\n")[:-1]
    return [json.loads(frame.partition(b"\ndata: ")[2]) for frame in frames]


def test_events_are_numbered_and_taken_once() -> None:
    emit = Emit()
    emit("a", {"x": 1})
    emit("b", {})
    assert [event["sequence_number"] for event in told(emit)] == [0, 1]
    assert emit.taken() == b""


def test_an_item_begins_has_parts_and_ends() -> None:
    emit, item = Emit(), WrittenItem("msg_1", 2, summed=False)
    part = item.begin(emit, Text(text=""))
    part.delta(emit, "ab", None)
    whole = [item.is_whole]
    part.end(emit)
    assert [*whole, item.is_whole] == [False, True]
    item.finish(emit)
    events = told(emit)
    assert [event["type"].removeprefix("response.") for event in events] == [
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
    ]
    assert [event["sequence_number"] for event in events] == list(range(6))
    assert {event["output_index"] for event in events} == {2}
    assert events[-1]["item"]["content"][0]["text"] == "ab"


def test_an_item_that_has_not_ended_says_what_there_is() -> None:
    emit, item = Emit(), WrittenItem("fc_1", 0, summed=False)
    item.begin(emit, ToolCall(id="c", name="f", arguments="")).delta(emit, '{"a"', None)
    found = item.item(status="incomplete")
    assert (found["arguments"], found["status"]) == ('{"a"', "incomplete")


def test_what_is_opaque_or_redacted_has_no_events_of_parts() -> None:
    parts: list[Part] = [Opaque(dialect="x", raw={"type": "y"}), Thinking(redacted=True)]
    for part in parts:
        emit, item = Emit(), WrittenItem("x_1", 0, summed=False)
        item.begin(emit, part).end(emit)
        assert [event["type"] for event in told(emit)] == ["response.output_item.added"]


def test_only_calls_and_opaque_items_are_alone() -> None:
    for part, alone in ((Text(text=""), False), (ToolCall(id="c", name="f", arguments=""), True)):
        item = WrittenItem("x_1", 0, summed=False)
        item.begin(Emit(), part)
        assert item.is_single is alone
