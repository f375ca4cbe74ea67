"""Streams of providers, also of those that leave events out."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import (
    Begun,
    Ended,
    Failed,
    Logprobs,
    Opaque,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
)
from sluicegate.llm.failure import Malformed
from support.llm_goldens import events_of, golden, parts_of
from support.responses_sdk import DIALECT, NAME

BEGUN = {"type": "response.created", "response": {"id": "resp_1", "model": "m", "created_at": 1}}


def stream(*events: dict[str, Any], named: bool = True) -> bytes:
    return b"".join(
        (f"event: {event['type']}\n" if named else "").encode()
        + b"data: %b\n\n" % json.dumps(event).encode()
        for event in events
    )


def last(*output: dict[str, Any], status: str = "completed", **fields: Any) -> dict[str, Any]:
    whole = {"id": "resp_1", "model": "m", "created_at": 1, "status": status, "output": output}
    return {"type": f"response.{status}", "response": whole | fields}


def delta(text: str, index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "output_index": index, "delta": text}


CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'}


def test_a_response_that_says_all_at_its_end_is_read_from_there() -> None:
    said = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
    search = {"type": "web_search_call", "id": "ws"}
    events = events_of(DIALECT, stream(BEGUN, last(said, CALL, search)))
    assert parts_of(events) == [
        Text(text="a"),
        ToolCall(id="c", name="f", arguments='{"a":1}'),
        Opaque(dialect=NAME, raw=search),
    ]
    assert Stopped(0, Stop(reason="tool_calls")) in events


def test_servers_without_names_of_events_are_read_by_their_types() -> None:
    events = stream(BEGUN, delta("a"), delta("b"), last())
    bare = stream(BEGUN, delta("a"), delta("b"), last(), named=False) + b"data: [DONE]\n\n"
    assert events_of(DIALECT, bare)[:4] == events_of(DIALECT, events)[:4]
    assert isinstance(events_of(DIALECT, bare)[-1], Ended)


def test_arguments_that_come_only_at_the_end_are_not_missed() -> None:
    added = {"type": "response.output_item.added", "output_index": 0, "item": CALL}
    done = {"type": "response.output_item.done", "output_index": 0, "item": CALL}
    events = events_of(DIALECT, stream(BEGUN, added, done, last(CALL)))
    assert parts_of(events) == [ToolCall(id="c", name="f", arguments='{"a":1}')]


def test_thoughts_and_summaries_are_told_apart() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    events = events_of(
        DIALECT,
        stream(
            BEGUN,
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "S"},
            {"type": "response.reasoning_text.delta", "output_index": 0, "delta": "T"},
            last(),
        ),
    )
    found = [event.empty for event in events if hasattr(event, "empty")]
    assert found == [Thinking(id="rs_1", summary=True), Thinking(id="rs_1")]


def test_logprobs_are_told_once() -> None:
    token = {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -1.5}]}
    done = {"type": "response.output_text.done", "output_index": 0, "logprobs": [token]}
    with_both = stream(BEGUN, delta("a") | {"logprobs": [token]}, done, last())
    only_late = stream(BEGUN, delta("a"), done, last())
    for data in (with_both, only_late):
        found = [event for event in events_of(DIALECT, data) if isinstance(event, Logprobs)]
        assert [len(event.tokens) for event in found] == [1]


def test_events_that_nobody_knows_are_passed_over() -> None:
    odd = {"type": "response.smell.delta", "anything": 1}
    events = events_of(DIALECT, stream(BEGUN, odd, delta("a"), last()))
    assert isinstance(events[0], Begun)
    assert isinstance(events[-1], Ended)


def test_a_flat_error_is_an_error_as_well() -> None:
    flat = {"type": "error", "code": "invalid_prompt", "message": "So not.", "param": None}
    failed = events_of(DIALECT, stream(BEGUN, flat))[-1]
    assert isinstance(failed, Failed)
    assert (failed.failure.kind, failed.failure.message) == ("content_filter", "So not.")


def test_a_response_that_failed_without_an_error_event_failed() -> None:
    error = {"code": "server_error", "message": "Oh."}
    failed = events_of(DIALECT, stream(BEGUN, last(status="failed", error=error)))[-1]
    assert isinstance(failed, Failed)
    assert failed.failure.kind == "server_error"


@given(cut=st.integers(0, 3000))
def test_a_stream_that_is_cut_never_ends_well(cut: int) -> None:
    data = golden(NAME, "text.stream")
    last_event = data.rindex(b"event: response.completed")
    with pytest.raises(Malformed):
        events_of(DIALECT, data[: min(cut, last_event)])


@pytest.mark.parametrize(
    "data",
    [
        b"event: response.output_text.delta\ndata: {\n\n",
        b"event: response.output_text.delta\ndata: {}\n\n",
        b'event: response.function_call_arguments.delta\ndata: {"output_index":0,"delta":"{"}\n\n',
        b"event: response.completed\ndata: {}\n\n",
        b"event: response.new\ndata: 1\n\n",
        b"data: 1\n\n",
    ],
)
def test_events_of_another_shape_are_malformed(data: bytes) -> None:
    reader, framing = DIALECT.reader(), DIALECT.framing()
    (frame,) = framing.feed(data)
    with pytest.raises(Malformed):
        reader.read(frame)
