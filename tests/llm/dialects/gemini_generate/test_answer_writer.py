from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm.canonical import (
    Answer,
    Choice,
    Logprob,
    Opaque,
    Part,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from sluicegate.llm.dialects.gemini_generate.answer_reader import read_answer
from sluicegate.llm.dialects.gemini_generate.answer_writer import write_answer
from sluicegate.llm.failure import Malformed
from support.gemini_sdk import GOLDEN, SCENARIOS, Sdk


def answer(*parts: Part, reason: Any = "end", **fields: Any) -> Answer:
    stop = Stop(reason=reason, sequence=fields.pop("sequence", None))
    choice = Choice(index=0, parts=list(parts), stop=stop, logprobs=fields.pop("logprobs", None))
    plain: dict[str, Any] = {"id": "i", "model": "m", "created": 0, "usage": None}
    return Answer(choices=[choice], **(plain | fields))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_answer_reads_as_it_was_written_and_in_the_sdk_too(scenario: str) -> None:
    read = read_answer((GOLDEN / f"{scenario}.response.json").read_bytes())
    written = write_answer(read)
    again = read_answer(written)
    again.extras = read.extras
    assert again == read
    assert Sdk(written).ask(scenario).model_version == read.model


def test_what_the_sdk_makes_of_an_answer_of_another_vendor() -> None:
    thinking = Thinking(text="t", signature=Signature("anthropic", "EqQB"))
    call = ToolCall(id="toolu_1", name="f", arguments='{"a": 1}')
    body = write_answer(answer(thinking, Text(text="a"), call, usage=Usage(input=1, output=2)))
    theirs = Sdk(body).ask()
    assert theirs.text == "a"
    assert theirs.function_calls is not None
    assert theirs.function_calls[0].args == {"a": 1}
    assert theirs.usage_metadata is not None
    assert theirs.usage_metadata.candidates_token_count == 2


def test_what_there_are_no_words_for_stands_beside() -> None:
    odd = Opaque(dialect="anthropic_messages", raw={"type": "odd"})
    cited = Text(text="a", citations=[{"url": "u"}])
    body = json.loads(
        write_answer(
            answer(
                cited,
                Refusal(text="No."),
                odd,
                reason="stop_sequence",
                sequence="END",
                usage=Usage(input=9, cache_write=3),
                service_tier="flex",
                extras={"x": 1},
            )
        )
    )
    assert [part["text"] for part in body["candidates"][0]["content"]["parts"]] == ["a", "No."]
    assert body["sluicegate"] == {
        "usage": {"cache_write": 3},
        "service_tier": "flex",
        "extras": {"x": 1},
        "choices": [
            {
                "index": 0,
                "citations": [{"part": 0, "citation": {"url": "u"}}],
                "refusals": [1],
                "opaque": [{"dialect": "anthropic_messages", "raw": {"type": "odd"}}],
                "stop": {"reason": "stop_sequence", "sequence": "END", "detail": ""},
            }
        ],
    }


def test_probabilities_and_times_read_as_they_were_written() -> None:
    tokens = [Logprob(token="a", logprob=-0.5)]
    said = answer(Text(text="a"), logprobs=tokens, created=1767225600)
    assert read_answer(write_answer(said)) == said


def test_arguments_that_are_no_object_are_no_answer() -> None:
    with pytest.raises(Malformed):
        write_answer(answer(ToolCall(id="c", name="f", arguments='{"a":')))
