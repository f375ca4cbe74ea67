from __future__ import annotations

import json

import pytest
from openai.types import Completion

from sluicegate.llm.canonical import Failed, Used
from sluicegate.llm.dialects import find
from sluicegate.llm.failure import Failure, Malformed
from support.llm_goldens import FOX, answer_of, events_of, gist, golden
from support.llm_samples import request

NAME = "openai_completions"


def test_the_goldens_are_what_the_official_types_say() -> None:
    assert Completion.model_validate_json(golden(NAME, "text.response.json")).choices[0].text == FOX
    for line in golden(NAME, "text.stream").splitlines():
        if line.startswith(b"data: {"):
            Completion.model_validate(json.loads(line[6:]) | {"choices": []})


def test_an_answer_is_measured() -> None:
    usage = find(NAME).measure(golden(NAME, "text.response.json"))
    assert usage is not None
    assert (usage.input, usage.output) == (12, 9)
    with pytest.raises(Malformed):
        find(NAME).measure(b'{"error": {}}')


def test_a_stream_is_followed_to_its_end() -> None:
    events = events_of(find(NAME), golden(NAME, "text.stream"))
    answer = answer_of(events)
    assert gist(answer.choices[0].parts)[0] == FOX
    assert isinstance(events[-2], Used)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'data: {"choices":[{"index":0,"text":"a"}]}\n\n',
        b'data: {"choices":[{"index":0,"text":"a"}]}\n\ndata: [DONE]\n\n',
        b"data: [DONE]\n\n",
        b"data: {}\n\ndata: [DONE]\n\n",
        b"data: nothing\n\n",
    ],
)
def test_a_stream_that_is_not_whole_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        events_of(find(NAME), data)


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"error":{"message":"x","type":"server_error"}}\n\n',
        b'data: {"choices":[{"index":0,"text":"a","finish_reason":"error"}]}\n\n',
    ],
)
def test_an_error_in_a_stream_is_a_failure(data: bytes) -> None:
    (*_, last) = events_of(find(NAME), data)
    assert isinstance(last, Failed)
    assert last.failure.kind == "server_error"


def test_a_failure_is_said_as_openai_says_it() -> None:
    failure = Failure(kind="rate_limited", status=429, message="Slow down.", ours=True)
    assert json.loads(find(NAME).write_failure(failure, "r"))["error"]["type"] == "rate_limit_error"
    assert b"Slow down." in find(NAME).writer(request()).fail(failure)
    assert find(NAME).read_failure(429, {}, b"").kind == "rate_limited"
