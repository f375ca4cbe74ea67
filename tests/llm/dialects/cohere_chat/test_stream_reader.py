from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm import canonical
from sluicegate.llm.dialect import Frame
from sluicegate.llm.dialects.cohere_chat.stream_reader import CohereReader
from sluicegate.llm.failure import Malformed
from sluicegate.llm.framing.sse import SseFraming
from support.llm_goldens import golden, parts_of

START = {"type": "message-start", "id": "1", "delta": {"message": {"role": "assistant"}}}
END = {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}


def event(kind: str, index: int = 0, **message: Any) -> dict[str, Any]:
    return {"type": kind, "index": index, "delta": {"message": message}}


def read(*bodies: dict[str, Any]) -> list[canonical.Event]:
    reader = CohereReader()
    events: list[canonical.Event] = []
    for body in bodies:
        events += reader.read(Frame(b"", "", json.dumps(body).encode()))
    return [*events, *reader.end()]


def text(words: str, index: int = 0) -> dict[str, Any]:
    return event("content-delta", index, content={"text": words})


def test_a_plan_begins_with_its_first_words_and_ends_with_the_first_call() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "n", "arguments": "{"}}
    more = {"function": {"arguments": "}"}}
    events = read(
        START,
        event("tool-plan-delta", tool_plan="I "),
        event("tool-plan-delta", tool_plan="look."),
        event("tool-call-start", tool_calls=call),
        event("tool-call-delta", tool_calls=more),
        event("tool-call-end"),
        END,
    )
    assert parts_of(events) == [
        canonical.Thinking(text="I look.", id="tool_plan"),
        canonical.ToolCall(id="1", name="n", arguments="{}"),
    ]


def test_text_that_has_no_start_begins_by_itself() -> None:
    thought = event("content-delta", content={"thinking": "t"})
    assert parts_of(read(START, thought, text("a", 1), END)) == [
        canonical.Thinking(text="t"),
        canonical.Text(text="a"),
    ]


def test_what_stands_in_a_start_is_not_lost() -> None:
    start = event("content-start", content={"type": "text", "text": "a"})
    thought = event("content-start", 1, content={"thinking": "t"})
    parts = parts_of(read(START, start, text("b"), event("content-end", 9), thought, END))
    assert parts == [canonical.Text(text="ab"), canonical.Thinking(text="t")]


def test_citations_go_to_their_text_even_when_it_has_ended() -> None:
    start = event("content-start", content={"type": "text", "text": "a"})
    cited = event("citation-start", citations={"start": 0, "content_index": 0})
    elsewhere = event("citation-start", citations={"start": 1})
    done = event("citation-end")
    (part,) = parts_of(read(START, start, event("content-end"), cited, elsewhere, done, END))
    assert part == canonical.Text(
        text="a", citations=[{"start": 0, "content_index": 0}, {"start": 1}]
    )


def test_log_probabilities_are_told() -> None:
    piece = text("Hi") | {"logprobs": {"text": "Hi", "token_ids": [1], "logprobs": [-0.5]}}
    events = read(START, piece, END)
    assert canonical.Logprobs(0, [canonical.Logprob(token="Hi", logprob=-0.5)]) in events


def test_an_error_without_a_type_is_a_failure() -> None:
    events = read(START, {"message": "It broke.", "id": "x"})
    assert isinstance(events[-1], canonical.Failed)
    assert events[-1].failure.message == "It broke."


def test_events_of_later_versions_are_left_alone() -> None:
    assert len(read(START, event("debug"), event("new"), END)) == len(read(START, END))


def test_nothing_comes_after_the_end() -> None:
    assert read(START, END, text("late"))[-1] == canonical.Ended()
    assert CohereReader().read(Frame(b"", "", b"[DONE]")) == ()


@pytest.mark.parametrize(
    "bodies",
    [
        [],
        [START],
        [END],
        [text("a")],
        [event("content-start", content={"type": "text"})],
        [START, event("content-delta")],
        [START, event("tool-call-delta", tool_calls={"function": {}})],
        [START, {"type": "message-end"}],
        [START, {"type": 1}],
    ],
)
def test_streams_that_cannot_be_are_malformed(bodies: list[dict[str, Any]]) -> None:
    with pytest.raises(Malformed):
        read(*bodies)


@given(st.integers(0, 3000))
def test_a_cut_stream_never_ends_well(cut: int) -> None:
    data = golden("cohere_chat", "tools.stream")
    framing, reader = SseFraming(), CohereReader()
    for frame in framing.feed(data[: cut % (len(data) - 1)]):
        reader.read(frame)
    with pytest.raises(Malformed):
        reader.end()
