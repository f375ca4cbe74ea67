"""The dialect as a whole, against goldens and OpenAI's own SDK."""

import json

import pytest

from sluicegate.llm.canonical import Ended
from support.llm_goldens import FOX, bare, events_of, golden, stream_of
from support.llm_samples import answers as sample_answers
from support.llm_samples import request as sample_request
from support.responses_sdk import (
    DIALECT,
    NAME,
    accumulated,
    is_request,
    read,
    response,
    written,
)

SCENARIOS = (
    "text", "system", "tools", "parallel_tools", "tool_results", "structured", "image",
    "reasoning", "cached", "length", "content_filter", "more/refusal",
)  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_goldens_are_what_the_sdk_sends_and_takes(scenario: str) -> None:
    is_request(golden(NAME, f"{scenario}.request.json"))
    whole = response(golden(NAME, f"{scenario}.response.json"))
    events, final = accumulated(golden(NAME, f"{scenario}.stream"))
    assert events[-1].response.to_dict() == whole.to_dict()
    assert (final is None) == (whole.status == "incomplete")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_request_that_is_read_and_written_says_the_same(scenario: str) -> None:
    request = read(golden(NAME, f"{scenario}.request.json"))
    body, losses = written(request)
    is_request(body)
    assert (losses.lost, losses.fatal, losses.dropped) == ([], [], [])
    assert bare(read(body)) == bare(request)
    assert json.loads(body)["model"] == request.model


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_answer_that_is_read_and_written_is_the_same_to_us_and_to_the_sdk(scenario: str) -> None:
    answer = DIALECT.read_answer(golden(NAME, f"{scenario}.response.json"))
    request = read(golden(NAME, f"{scenario}.request.json"))
    body = DIALECT.write_answer(answer, request)
    assert DIALECT.read_answer(body) == answer
    theirs, ours = response(golden(NAME, f"{scenario}.response.json")), response(body)
    assert ours.output_text == theirs.output_text
    assert (ours.status, ours.incomplete_details, ours.usage) == (
        theirs.status,
        theirs.incomplete_details,
        theirs.usage,
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_stream_that_is_read_and_written_is_taken_by_the_sdk(scenario: str) -> None:
    events = events_of(DIALECT, golden(NAME, f"{scenario}.stream"))
    writer = DIALECT.writer(read(golden(NAME, f"{scenario}.request.json")))
    data = b"".join(writer.write([event]) for event in events)
    assert events_of(DIALECT, data) == events
    theirs = accumulated(golden(NAME, f"{scenario}.stream"))[0][-1].response
    ours = accumulated(data)[0][-1].response
    assert (ours.output_text, ours.status, ours.usage) == (
        theirs.output_text,
        theirs.status,
        theirs.usage,
    )
    assert [item.type for item in ours.output] == [item.type for item in theirs.output]


@pytest.mark.parametrize("name", sorted(sample_answers()))
def test_the_sdk_takes_every_sample_whole_and_as_a_stream(name: str) -> None:
    answer = sample_answers()[name]
    whole = response(DIALECT.write_answer(answer, sample_request()))
    writer = DIALECT.writer(sample_request())
    data = writer.write(stream_of(answer))
    streamed = accumulated(data)[0][-1].response
    assert streamed.output_text == whole.output_text
    assert [item.type for item in streamed.output] == [item.type for item in whole.output]


def test_usage_is_measured_without_reading_the_answer() -> None:
    usage = DIALECT.measure(golden(NAME, "cached.response.json"))
    assert usage is not None
    assert (usage.input, usage.cached, usage.cache_write, usage.output) == (1000, 800, 100, 5)


def test_a_stream_is_read_alike_wherever_it_is_cut() -> None:
    data = golden(NAME, "text.stream")
    whole = events_of(DIALECT, data)
    assert isinstance(whole[-1], Ended)
    assert "".join(getattr(event, "text", "") for event in whole) == FOX
    for cut in range(1, len(data), 7):
        assert events_of(DIALECT, data, [cut]) == whole
