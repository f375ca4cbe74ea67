"""Streams of others as the SDK's accumulator wants them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import (
    Answer,
    Begun,
    Choice,
    Cited,
    Delta,
    Ended,
    Event,
    Logprob,
    Logprobs,
    Opaque,
    Part,
    PartBegun,
    PartEnded,
    Reasoning,
    Refusal,
    Signature,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from sluicegate.llm.failure import Failure
from support.llm_goldens import events_of, stream_of
from support.llm_samples import request
from support.responses_sdk import DIALECT, accumulated, response

WORDS = st.text(min_size=1, max_size=8)
PARTS = st.lists(
    st.one_of(
        st.builds(lambda text: Text(text=text), WORDS),
        st.builds(lambda text: Refusal(text=text), WORDS),
        st.builds(
            lambda text, name: Thinking(text=text, signature=Signature("anthropic", name)),
            WORDS,
            st.sampled_from(["a", "b"]),
        ),
        st.builds(
            lambda text, custom: ToolCall(id="c", name="f", arguments=text, custom=custom),
            WORDS,
            st.booleans(),
        ),
        st.builds(lambda: Opaque(dialect="openai_responses", raw={})),
    ),
    max_size=5,
)


def answer(parts: list[Part]) -> Answer:
    for number, part in enumerate(parts):
        if isinstance(part, ToolCall):
            part.id = f"call_{number}"
        elif isinstance(part, Opaque):
            part.raw = {"type": "web_search_call", "id": f"ws_{number}", "status": "completed"}
            part.raw["action"] = {"type": "search", "query": "q"}
    calls = any(isinstance(part, ToolCall) for part in parts)
    refuses = any(isinstance(part, Refusal) for part in parts)
    stop = Stop(reason="tool_calls" if calls else "refusal" if refuses else "end")
    choice = Choice(index=0, parts=parts, stop=stop)
    return Answer(id="id-1", model="m", created=1, choices=[choice], usage=Usage(input=1, output=2))


@given(parts=PARTS)
def test_a_stream_says_the_same_as_the_whole_answer(parts: list[Any]) -> None:
    whole = answer(parts)
    events = stream_of(whole)
    data = DIALECT.writer(request()).write(events)
    assert events_of(DIALECT, data) == events
    final = accumulated(data)[0][-1].response
    theirs = response(DIALECT.write_answer(whole, request()))
    assert final.to_dict() == theirs.to_dict()


def test_calls_whose_deltas_alternate_stay_apart() -> None:
    events: list[Event] = [
        Begun("id", "m", 1),
        PartBegun(0, 0, ToolCall(id="a", name="f", arguments="")),
        PartBegun(0, 1, ToolCall(id="b", name="g", arguments="")),
        Delta(0, 0, "1"),
        Delta(0, 1, "2"),
        Delta(0, 0, "3"),
        PartEnded(0, 1),
        PartEnded(0, 0),
        Stopped(0, Stop(reason="tool_calls")),
        Ended(),
    ]
    output = accumulated(DIALECT.writer(request()).write(events))[0][-1].response.output
    assert [(item.call_id, item.arguments) for item in output] == [("a", "13"), ("b", "2")]


def test_citations_and_logprobs_come_as_they_are_told() -> None:
    cited = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    events: list[Event] = [
        Begun("id", "m", 1),
        PartBegun(0, 0, Text(text="")),
        Delta(0, 0, "a"),
        Logprobs(0, [Logprob(token="a", logprob=-0.5, bytes=[97])]),
        Cited(0, 0, cited),
        Cited(0, 0, {"type": "char_location"}),
        PartEnded(0, 0),
        Stopped(0, Stop(reason="end")),
        Used(Usage(input=1, output=2)),
        Ended(),
    ]
    told, final = accumulated(DIALECT.writer(request()).write(events))
    (text,) = final.output[0].content
    assert [one.to_dict() for one in text.annotations] == [cited]
    assert [token.token for token in text.logprobs] == ["a"]
    (delta,) = [event for event in told if event.type == "response.output_text.delta"]
    assert delta.logprobs[0].token == "a"


def test_thoughts_stream_as_summaries_to_who_asked_for_these() -> None:
    asked = request(reasoning=Reasoning(effort="low", summary="auto"))
    whole = answer([Thinking(text="Hm."), Text(text="4")])
    told = accumulated(DIALECT.writer(asked).write(stream_of(whole)))[0]
    kinds = [event.type for event in told]
    assert "response.reasoning_summary_text.delta" in kinds
    assert "response.reasoning_text.delta" not in kinds


def test_a_failure_ends_the_stream_with_what_there_was() -> None:
    writer = DIALECT.writer(request())
    data = writer.write([Begun("id", "m", 1), PartBegun(0, 0, Text(text="")), Delta(0, 0, "Half")])
    data += writer.fail(Failure(kind="rate_limited", status=429, message="Too many."))
    told = accumulated(data)[0]
    assert [event.type for event in told[-2:]] == ["error", "response.failed"]
    assert told[-1].response.output_text == "Half"
    assert (told[-2].code, told[-2].message) == ("rate_limit_exceeded", "Too many.")


def test_a_failure_before_anything_is_one_event() -> None:
    data = DIALECT.writer(request()).fail(Failure(kind="timeout", status=504, message="Silent."))
    assert data.count(b"event: ") == 1


def test_events_are_not_changed_by_who_writes_them() -> None:
    begun = PartBegun(0, 0, Text(text=""))
    DIALECT.writer(request()).write(
        [Begun("id", "m", 1), begun, Delta(0, 0, "a"), PartEnded(0, 0), Ended()]
    )
    assert begun == PartBegun(0, 0, Text(text=""))
