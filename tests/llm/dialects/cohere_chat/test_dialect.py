"""The goldens of cohere_chat, as Cohere's client and we read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cohere.core.api_error import ApiError

from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.cohere_chat import DIALECT
from sluicegate.llm.losses import Losses
from support.cohere_sdk import CohereSdk, arguments
from support.llm_goldens import ERRORS, SCENARIOS, golden

ALL = [*SCENARIOS, "content_filter"]
ASKED: dict[str, Any] = {"model": "m", "messages": []}


@pytest.fixture(scope="module")
def sdk() -> CohereSdk:
    return CohereSdk()


def read(name: str) -> Any:
    return json.loads(golden(DIALECT.name, name))


@pytest.mark.parametrize("scenario", ALL)
def test_the_sdk_sends_the_golden_request(sdk: CohereSdk, scenario: str) -> None:
    body = read(f"{scenario}.request.json")
    client = sdk.answers(golden(DIALECT.name, f"{scenario}.response.json"))
    client.chat(**arguments(body))
    assert sdk.sent[-1] == body


@pytest.mark.parametrize("scenario", ALL)
def test_a_request_is_the_same_behind_the_canonical_form(scenario: str) -> None:
    body = golden(DIALECT.name, f"{scenario}.request.json")
    request, dropped = DIALECT.read_request(Incoming(body))
    losses = Losses(DIALECT.names, DIALECT.name)
    assert json.loads(DIALECT.write_request(request, losses).body) == json.loads(body)
    assert (dropped, losses.settle(drop=False)) == ([], [])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_sdk_and_we_read_the_same_answer(sdk: CohereSdk, scenario: str) -> None:
    body = golden(DIALECT.name, f"{scenario}.response.json")
    answer = DIALECT.read_answer(body)
    theirs = sdk.answers(body).chat(**ASKED)
    content = theirs.message.content or []
    assert "".join(getattr(item, "text", "") for item in content) == SCENARIOS[scenario][0]
    assert answer.usage is not None
    assert theirs.usage is not None
    assert theirs.usage.tokens is not None
    assert theirs.usage.tokens.input_tokens == answer.usage.input


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_sdk_reads_the_golden_stream(sdk: CohereSdk, scenario: str) -> None:
    headers = {"content-type": "text/event-stream"}
    client = sdk.answers(golden(DIALECT.name, f"{scenario}.stream"), headers=headers)
    events: list[Any] = list(client.chat_stream(**ASKED))
    texts = [e.delta.message.content.text for e in events if e.type == "content-delta"]
    assert "".join(text or "" for text in texts) == SCENARIOS[scenario][0]
    assert events[-1].type == "message-end"


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_are_what_their_names_say(sdk: CohereSdk, kind: str) -> None:
    error = read(f"errors/{kind}.json")
    body = json.dumps(error["body"]).encode()
    headers = {name.encode(): value.encode() for name, value in error["headers"].items()}
    assert DIALECT.read_failure(error["status"], headers, body).kind == kind
    client = sdk.answers(body, error["status"], error["headers"])
    with pytest.raises(ApiError) as raised:
        client.chat(**ASKED, request_options={"max_retries": 0})
    assert raised.value.status_code == error["status"]


def test_it_says_what_it_is() -> None:
    assert DIALECT.stream_type == b"text/event-stream"
    assert (DIALECT.name, DIALECT.family) == ("cohere_chat", "")
    assert DIALECT.names["top_p"] == "p"
