"""The goldens of bedrock_converse, as botocore and we read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.bedrock_converse import DIALECT
from sluicegate.llm.losses import Losses
from support.bedrock_sdk import BedrockSdk, arguments
from support.llm_goldens import ERRORS, SCENARIOS, golden

ALL = [*SCENARIOS, "content_filter"]


@pytest.fixture(scope="module")
def sdk() -> BedrockSdk:
    return BedrockSdk()


def read(name: str) -> Any:
    return json.loads(golden(DIALECT.name, name))


def without_schema_spaces(body: Any) -> Any:
    if "outputConfig" in body:
        schema = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
        schema["schema"] = json.loads(schema["schema"])
    return body


@pytest.mark.parametrize("scenario", ALL)
def test_the_sdk_sends_the_golden_request(sdk: BedrockSdk, scenario: str) -> None:
    body = read(f"{scenario}.request.json")
    sdk.answers(golden(DIALECT.name, f"{scenario}.response.json"))
    sdk.client.converse(modelId=f"scenario-{scenario}", **arguments(body))
    assert sdk.sent[-1] == body


@pytest.mark.parametrize("scenario", ALL)
def test_a_request_is_the_same_behind_the_canonical_form(scenario: str) -> None:
    body = golden(DIALECT.name, f"{scenario}.request.json")
    request, dropped = DIALECT.read_request(Incoming(body, model="m"))
    losses = Losses(DIALECT.names, DIALECT.name)
    written = json.loads(DIALECT.write_request(request, losses).body)
    assert without_schema_spaces(written) == without_schema_spaces(json.loads(body))
    assert (dropped, losses.settle(drop=False)) == ([], [])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_sdk_and_we_read_the_same_answer(sdk: BedrockSdk, scenario: str) -> None:
    body = golden(DIALECT.name, f"{scenario}.response.json")
    answer = DIALECT.read_answer(body)
    theirs = sdk.answers(body).converse(modelId="m", messages=[])
    content = theirs["output"]["message"]["content"]
    assert "".join(block.get("text", "") for block in content) == SCENARIOS[scenario][0]
    assert answer.usage is not None
    assert theirs["usage"]["totalTokens"] == answer.usage.total


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_sdk_reads_the_golden_stream(sdk: BedrockSdk, scenario: str) -> None:
    client = sdk.answers(golden(DIALECT.name, f"{scenario}.stream"))
    events = list(client.converse_stream(modelId="m", messages=[])["stream"])
    deltas = [one["contentBlockDelta"]["delta"] for one in events if "contentBlockDelta" in one]
    assert "".join(one.get("text", "") for one in deltas) == SCENARIOS[scenario][0]
    assert "metadata" in events[-1]


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_are_what_their_names_say(sdk: BedrockSdk, kind: str) -> None:
    error = read(f"errors/{kind}.json")
    body = json.dumps(error["body"]).encode()
    headers = {name.encode(): value.encode() for name, value in error["headers"].items()}
    failure = DIALECT.read_failure(error["status"], headers, body)
    assert failure.kind == ERRORS[kind]
    with pytest.raises(ClientError) as raised:
        sdk.answers(body, error["status"], error["headers"]).converse(modelId="m", messages=[])
    assert raised.value.response["Error"]["Code"] == failure.code


def test_it_says_what_it_is() -> None:
    assert DIALECT.stream_type == b"application/vnd.amazon.eventstream"
    assert (DIALECT.name, DIALECT.family) == ("bedrock_converse", "anthropic")
    assert DIALECT.names["max_tokens"] == "inferenceConfig.maxTokens"
