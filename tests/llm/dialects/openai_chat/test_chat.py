from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from sluicegate.llm.dialects import find
from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.statuses import STATUS
from support.llm_goldens import SCENARIOS, events_of, golden
from support.llm_samples import request
from support.openai_sdk import RAISED, completion_of, error_of, streamed_of

NAME = "openai_chat"
DIALECT = find(NAME)
CALL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
EVERY = [*SCENARIOS, "content_filter"]


@pytest.mark.parametrize("scenario", EVERY)
def test_the_official_sdk_sends_and_reads_the_goldens(scenario: str) -> None:
    call = json.loads(golden(NAME, f"{scenario}.request.json"))
    body = golden(NAME, f"{scenario}.response.json")
    completion, sent = completion_of(body, call)
    assert sent == call
    ChatCompletion.model_validate_json(body, strict=True)
    text, _, calls, _ = SCENARIOS.get(scenario, ("I am", "", [], ""))
    message = completion.choices[0].message
    assert (message.content or "") == text
    assert [
        (one.function.name, json.loads(one.function.arguments)) for one in message.tool_calls or ()
    ] == calls


@pytest.mark.parametrize("scenario", EVERY)
def test_the_official_sdk_puts_the_golden_streams_together(scenario: str) -> None:
    state: Any = ChatCompletionStreamState()
    for line in golden(NAME, f"{scenario}.stream").splitlines():
        if line.startswith(b"data: {"):
            state.handle_chunk(ChatCompletionChunk.model_validate_json(line[6:]))
    whole = json.loads(golden(NAME, f"{scenario}.response.json"))
    if scenario in {"length", "content_filter"}:
        return  # the SDK raises where it would parse
    final = state.get_final_completion()
    assert final.choices[0].message.content == whole["choices"][0]["message"]["content"]
    assert final.usage.model_dump()["total_tokens"] == whole["usage"]["total_tokens"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_official_sdk_reads_what_is_written(scenario: str) -> None:
    answer = DIALECT.read_answer(golden(NAME, f"{scenario}.response.json"))
    body = DIALECT.write_answer(answer, request())
    ChatCompletion.model_validate_json(body, strict=True)
    completion, _ = completion_of(body, CALL)
    assert DIALECT.read_answer(completion.to_json().encode()) == answer


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one != "length"])
def test_the_official_sdk_puts_written_streams_together(scenario: str) -> None:
    events = events_of(DIALECT, golden(NAME, f"{scenario}.stream"))
    data = DIALECT.writer(request(stream_usage=True)).write(events)
    final = streamed_of(data, CALL)
    answer = DIALECT.read_answer(golden(NAME, f"{scenario}.response.json"))
    again = DIALECT.read_answer(final.to_json().encode())
    assert again.choices == answer.choices
    assert again.usage == answer.usage


@pytest.mark.parametrize(("kind", "error"), RAISED.items())
def test_the_official_sdk_raises_its_own_exception(kind: Kind, error: type[Exception]) -> None:
    status = STATUS[kind]
    failure = Failure(kind=kind, status=status, message="It says why.", field="a.b", ours=True)
    raised = error_of(DIALECT.write_failure(failure, "request-1"), status, CALL)
    assert type(raised) is error
    assert "It says why." in str(raised)
    assert raised.param == "a.b"  # type: ignore[attr-defined]


def test_the_official_sdk_raises_an_error_in_mid_stream() -> None:
    events = events_of(DIALECT, golden(NAME, "text.stream"))
    writer = DIALECT.writer(request())
    failure = Failure(kind="overloaded", status=503, message="It broke off.", ours=True)
    with pytest.raises(openai.APIError, match="It broke off"):
        streamed_of(writer.write(events[:5]) + writer.fail(failure), CALL)


def test_names_of_fields_are_the_callers() -> None:
    assert DIALECT.names["format"] == "response_format"
    assert DIALECT.stream_type == b"text/event-stream"
