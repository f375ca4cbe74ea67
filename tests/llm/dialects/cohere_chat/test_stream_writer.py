from __future__ import annotations

from typing import Any

import pytest

from sluicegate.llm import canonical
from sluicegate.llm.dialects.cohere_chat import DIALECT
from sluicegate.llm.dialects.cohere_chat.stream_writer import CohereWriter
from sluicegate.llm.failure import Failure
from support.cohere_sdk import CohereSdk
from support.llm_goldens import answer_of, bare, events_of, parts_of, stream_of
from support.llm_samples import answers

BEGUN = canonical.Begun("i", "m", 1)
STOPPED = [canonical.Stopped(0, canonical.Stop(reason="end")), canonical.Ended()]


def written(empty: Any, *events: canonical.Event) -> bytes:
    begun = canonical.PartBegun(0, 0, empty)
    return CohereWriter().write([BEGUN, begun, *events, canonical.PartEnded(0, 0), *STOPPED])


def theirs(data: bytes) -> list[Any]:
    client = CohereSdk().answers(data, headers={"content-type": "text/event-stream"})
    return list(client.chat_stream(model="m", messages=[]))


@pytest.mark.parametrize("name", answers())
def test_what_is_written_is_read_again(name: str) -> None:
    answer = answers()[name]
    data = CohereWriter().write(stream_of(answer))
    again = answer_of(events_of(DIALECT, data))
    assert bare(again.choices[0].parts) == bare(answer.choices[0].parts)
    assert again.choices[0].stop.reason == answer.choices[0].stop.reason
    assert again.id == answer.id
    assert [event.type for event in theirs(data)][-1] == "message-end"


@pytest.mark.parametrize(
    "part",
    [
        canonical.Thinking(text="p", id="tool_plan"),
        canonical.Thinking(redacted=True, signature=canonical.Signature("anthropic", "s")),
        canonical.Thinking(text="t", signature=canonical.Signature("anthropic", "s")),
        canonical.ToolCall(
            id="1", name="n", arguments="{}", signature=canonical.Signature("gemini", "s")
        ),
        canonical.Text(text="a", citations=[{"start": 0}]),
    ],
)
def test_parts_come_back(part: canonical.Part) -> None:
    choice = canonical.Choice(index=0, parts=[part], stop=canonical.Stop(reason="end"))
    answer = canonical.Answer(id="i", model="m", created=1, choices=[choice], usage=None)
    assert parts_of(events_of(DIALECT, CohereWriter().write(stream_of(answer)))) == [part]


def test_log_probabilities_come_back() -> None:
    token = canonical.Logprob(token="Hi", logprob=-0.5)
    data = written(canonical.Text(text="Hi"), canonical.Logprobs(0, [token]))
    assert canonical.Logprobs(0, [token]) in events_of(DIALECT, data)


def test_what_cohere_has_no_words_for_stands_in_our_own_field() -> None:
    data = written(canonical.Opaque(dialect="other", raw={"a": 1}))
    ours = theirs(data)[-1].delta.sluicegate
    assert (ours["model"], ours["parts"][0]["raw"]) == ("m", {"a": 1})
    assert b'"text":"No."' in written(canonical.Refusal(text="No."))


@pytest.mark.parametrize(("kind", "word"), [("timeout", "TIMEOUT"), ("bad_answer", "ERROR")])
def test_a_failure_is_the_last_event(kind: Any, word: str) -> None:
    failure = Failure(kind=kind, status=500, message="So it is.")
    last = theirs(CohereWriter().write([BEGUN, canonical.Failed(failure)]))[-1]
    assert (last.delta.finish_reason, last.delta.error) == (word, "So it is.")


def test_a_second_choice_is_not_written() -> None:
    assert CohereWriter().write([canonical.Delta(1, 0, "x")]) == b""
