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
    Used,
)
from sluicegate.llm.dialects import find
from sluicegate.llm.failure import Malformed
from support.llm_goldens import events_of, parts_of

DONE = b"data: [DONE]\n\n"
COUNT = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def choice(finish: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish}


def chunk(*choices: dict[str, Any], **fields: Any) -> bytes:
    body = {"id": "i", "model": "m", "created": 1, "choices": list(choices), **fields}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def said(*chunks: bytes, finish: str = "stop") -> list[Event]:
    """Read chunks, then the end of the first choice and of the stream; without the frame of it."""
    events = events_of(find("openai_chat"), b"".join(chunks) + chunk(choice(finish)) + DONE)
    assert isinstance(events[0], Begun)
    assert isinstance(events[-1], Ended)
    return events[1:-1]


def call(index: int | None = None, **fields: Any) -> dict[str, Any]:
    numbered = {} if index is None else {"index": index}
    return choice(tool_calls=[{**numbered, **fields}])


def test_text_begins_goes_on_and_ends() -> None:
    assert said(
        chunk(choice(role="assistant", content="")),
        chunk(choice(content="a")),
        chunk(choice(content="b")),
    ) == [
        PartBegun(0, 0, Text(text="")),
        Delta(0, 0, "a"),
        Delta(0, 0, "b"),
        PartEnded(0, 0),
        Stopped(0, Stop(reason="end")),
    ]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_and_text_take_turns(name: str) -> None:
    events = said(chunk(choice(**{name: "why"})), chunk(choice(content="4")))
    assert parts_of(events) == [Thinking(text="why"), Text(text="4")]


def test_a_signature_ends_its_reasoning() -> None:
    block = {"index": 0, "type": "thinking", "thinking": "why", "signature": "s"}
    events = said(chunk(choice(reasoning_content="why")), chunk(choice(thinking_blocks=[block])))
    assert Signed(0, 0, Signature("anthropic", "s")) in events
    assert parts_of(events) == [Thinking(text="why", signature=Signature("anthropic", "s"))]


def test_blocks_alone_are_reasoning_too() -> None:
    blocks = [
        {"type": "thinking", "thinking": "why", "signature": ""},
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
    ]
    events = said(*(chunk(choice(thinking_blocks=[block])) for block in blocks))
    assert parts_of(events) == [
        Thinking(text="why", signature=Signature("anthropic", "s")),
        Thinking(redacted=True, signature=Signature("anthropic", "d")),
    ]


def test_mistrals_chunks_are_reasoning_and_text() -> None:
    why = [{"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}]
    events = said(chunk(choice(content=why)), chunk(choice(content="4")))
    assert parts_of(events) == [Thinking(text="why"), Text(text="4")]


def test_calls_are_put_together_by_their_number() -> None:
    events = said(
        chunk(call(0, id="a", function={"name": "f", "arguments": ""})),
        chunk(call(0, function={"arguments": '{"x"'})),
        chunk(call(0, function={"arguments": ":1}"})),
        chunk(call(1, id="b", custom={"name": "g", "input": "t"})),
        finish="tool_calls",
    )
    assert parts_of(events) == [
        ToolCall(id="a", name="f", arguments='{"x":1}'),
        ToolCall(id="b", name="g", arguments="t", custom=True),
    ]


@pytest.mark.parametrize("number", [0, None])
def test_calls_that_are_all_numbered_alike_are_told_apart_by_their_ids(number: int | None) -> None:
    events = said(
        chunk(call(number, id="a", function={"name": "f", "arguments": "{}"})),
        chunk(call(number, id="b", function={"name": "f", "arguments": "{}"})),
    )
    assert [part.id for part in parts_of(events) if isinstance(part, ToolCall)] == ["a", "b"]
    assert events[-1] == Stopped(0, Stop(reason="tool_calls"))


def test_a_signature_of_a_call_comes_with_it_or_later() -> None:
    extra = {"google": {"thought_signature": "s"}}
    first = call(0, id="a", function={"name": "f", "arguments": "{}"}, extra_content=extra)
    late = [
        chunk(call(0, id="a", function={"name": "f", "arguments": "{}"})),
        chunk(call(0, extra_content=extra)),
    ]
    for chunks in ([chunk(first)], late):
        (part,) = parts_of(said(*chunks))
        assert isinstance(part, ToolCall)
        assert part.signature == Signature("gemini", "s")


def test_what_is_rare_is_kept() -> None:
    cited = {"type": "url_citation", "index": 0, "url_citation": {"url": "u"}}
    events = said(
        chunk(choice(content="a", annotations=[cited])),
        chunk(choice(sluicegate={"citations": [{"index": 1, "citation": {"type": "page"}}]})),
        chunk(choice(extra_content={"google": {"thought_signature": "s"}})),
        chunk(choice(refusal="no")),
        chunk(choice(audio={"id": "x"})),
        chunk(choice(sluicegate={"parts": [{"index": 0, "dialect": "d", "raw": {"y": 1}}]})),
    )
    assert sum(isinstance(event, Cited) for event in events) == 2
    text, *others = parts_of(events)
    assert isinstance(text, Text)
    assert text.citations == [
        {"type": "url_citation", "url_citation": {"url": "u"}},
        {"type": "page"},
    ]
    assert text.signature == Signature("gemini", "s")
    assert others == [
        Refusal(text="no"),
        Opaque(dialect="openai_chat", raw={"audio": {"id": "x"}}),
        Opaque(dialect="d", raw={"y": 1}),
    ]


def test_probabilities_follow_their_tokens() -> None:
    token = {"token": "a", "logprob": -1, "top_logprobs": []}
    one = choice(content="a") | {"logprobs": {"content": [token]}}
    events = said(chunk(choice(content="b")), chunk(one))
    assert isinstance(events[3], Logprobs)
    assert events[3].tokens[0].token == "a"


def test_usage_comes_last_or_in_every_chunk() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    for chunks in (
        [chunk(choice(content="a")), chunk(choice("stop"), usage=usage), DONE],
        [chunk(choice(content="a"), usage=usage), chunk(choice("stop")), chunk(usage=usage), DONE],
    ):
        events = events_of(find("openai_chat"), b"".join(chunks))
        assert [event.usage.total for event in events if isinstance(event, Used)][-1] == 3


def test_azures_first_chunk_is_not_the_beginning() -> None:
    first = chunk(id="", model="", prompt_filter_results=[])
    events = events_of(
        find("openai_chat"), first + chunk(choice(content="a")) + chunk(choice("stop")) + DONE
    )
    assert events[0] == Begun("i", "m", 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        DONE,
        b": comment\n\n",
        chunk(choice(content="a")),
        chunk(choice(content="a")) + DONE,
        chunk(choice("stop", content="a")),
        chunk(choice("stop", content="a"), choice(index=1, content="b")) + DONE,
        chunk(choice("stop", content="a")) + chunk(choice(content="b")) + DONE,
        b"data: {}\n\n" + DONE,
        b"data: {\n\n",
        chunk(call(0, id="a")),
        chunk(call(0, function={"arguments": "{}"})),
        chunk(call(0, id="a", function={"name": "f"}))
        + chunk(choice(content="x"))
        + chunk(call(0, function={"arguments": "{}"})),
    ],
)
def test_a_stream_that_is_not_whole_or_not_right_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        events_of(find("openai_chat"), data)


def test_what_ends_twice_ends_once() -> None:
    events = said(chunk(choice("stop", content="a")), chunk(choice("stop")))
    assert sum(isinstance(event, Stopped) for event in events) == 1


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"error":{"message":"x","type":"server_error"}}\n\n',
        b'event: error\ndata: {"error":"x"}\n\n',
        chunk(choice("error", content="a")),
        chunk(choice("insufficient_system_resource")),
    ],
)
def test_an_error_in_a_stream_is_a_failure_and_the_last_event(data: bytes) -> None:
    events = events_of(find("openai_chat"), chunk(choice(content="a")) + data + DONE)
    assert isinstance(events[-1], Failed)
    assert not any(isinstance(event, Ended | Stopped) for event in events)


def counts(*chunks: bytes) -> list[tuple[int, int]]:
    """Return input and output of all that a stream says of its usage."""
    events = events_of(find("openai_chat"), b"".join(chunks) + DONE)
    return [(e.usage.input, e.usage.output) for e in events if isinstance(e, Used)]


def test_usage_is_read_wherever_vendors_say_it() -> None:
    text, end = chunk(choice(content="a")), choice("stop")
    assert counts(text, chunk(end), chunk(usage=COUNT)) == [(3, 4)]
    assert counts(text, chunk(end, usage=COUNT)) == [(3, 4)]
    assert counts(text, chunk({**end, "usage": COUNT})) == [(3, 4)]
    assert counts(text, chunk(end, usage=None), chunk(usage=COUNT)) == [(3, 4)]


def test_of_several_counts_the_last_one_is_the_last_to_be_said() -> None:
    first, second = {**COUNT, "completion_tokens": 1}, {**COUNT, "completion_tokens": 2}
    said = counts(
        chunk(choice(content="a"), usage=first),
        chunk(choice(content="b"), usage=second),
        chunk(choice("stop"), usage=COUNT),
    )
    assert said == [(3, 1), (3, 2), (3, 4)]


def test_words_in_a_chunk_with_a_count_are_words() -> None:
    more = {**choice(content="b"), "usage": COUNT}
    events = said(chunk(choice(content="a")), chunk(more))
    assert [e.text for e in events if isinstance(e, Delta)] == ["a", "b"]
    assert any(isinstance(e, Used) for e in events)
