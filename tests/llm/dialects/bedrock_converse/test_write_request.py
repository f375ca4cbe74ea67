from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm.canonical import Format, Reasoning
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.bedrock_converse.read_request import read_request
from sluicegate.llm.dialects.bedrock_converse.write_request import write_request
from sluicegate.llm.losses import Losses
from support.bedrock_sdk import BedrockSdk, arguments
from support.llm_goldens import bare
from support.llm_samples import request, requests

ANSWER = (
    b'{"output":{"message":{"role":"assistant","content":[]}},"stopReason":"end_turn",'
    b'"usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}'
)


@pytest.fixture(scope="module")
def sdk() -> BedrockSdk:
    return BedrockSdk()


def write(*, model: str = "m", **fields: Any) -> tuple[dict[str, Any], Losses]:
    losses = Losses({}, "bedrock_converse")
    asked = request(**fields)
    asked.model = model
    return json.loads(write_request(asked, losses).body), losses


@pytest.mark.parametrize("name", requests())
def test_the_sdk_finds_no_fault_with_what_is_written(sdk: BedrockSdk, name: str) -> None:
    body = json.loads(write_request(requests()[name], Losses({}, "b")).body)
    sdk.answers(ANSWER).converse(modelId="m", **arguments(body))
    assert sdk.sent[-1] == body


@pytest.mark.parametrize("name", requests())
def test_what_is_written_without_loss_is_read_again(name: str) -> None:
    asked = requests()[name]
    losses = Losses({}, "bedrock_converse")
    incoming = Incoming(write_request(asked, losses).body, model=asked.model, stream=asked.stream)
    again, _ = read_request(incoming, drop=False)
    if losses.lost or losses.fatal or losses.dropped or name in {"refusal", "reasoning"}:
        return  # a refusal is text, and an effort lets the model think as it sees fit
    assert bare(again, "name") == bare(asked, "name")


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"seed": 7}, "seed"),
        ({"n": 2}, "n"),
        ({"user": "u"}, "user"),
        ({"parallel_tools": False}, "parallel_tools"),
        ({"format": Format(kind="json_object")}, "format"),
        ({"metadata": {"a": "é"}}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"service_tier": "scale"}, "service_tier"),
        ({"extras": {"odd": 1}}, "odd"),
    ],
)
def test_what_has_no_words_is_lost_by_name(fields: dict[str, Any], lost: str) -> None:
    assert write(**fields)[1].lost == [lost]


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 1},
        {"logprobs": False},
        {"frequency_penalty": 0},
        {"store": False},
        {"parallel_tools": True},
        {"service_tier": "auto"},
        {"metadata": {}},
        {"format": Format(kind="text")},
    ],
)
def test_what_happens_anyway_is_no_loss(fields: dict[str, Any]) -> None:
    losses = write(**fields)[1]
    assert (losses.lost, losses.dropped) == ([], [])


def test_an_effort_lets_claude_think() -> None:
    body, _ = write(reasoning=Reasoning(effort="high"), model="us.anthropic.claude-opus-4-6-v1")
    assert body["outputConfig"] == {"effort": "high"}
    assert body["additionalModelRequestFields"] == {"thinking": {"type": "adaptive"}}


def test_the_limit_leaves_room_behind_a_budget() -> None:
    model = "anthropic.claude-sonnet-4-20250514-v1:0"
    body, _ = write(model=model, max_tokens=100, reasoning=Reasoning(effort="low"))
    thinking = body["additionalModelRequestFields"]["thinking"]
    assert body["inferenceConfig"]["maxTokens"] == 100 + thinking["budget_tokens"]


def test_parameters_of_claude_are_not_sent_to_models_of_others() -> None:
    model = "us.amazon.nova-2-lite-v1:0"
    body, losses = write(model=model, top_k=5, reasoning=Reasoning(budget=2000))
    assert "additionalModelRequestFields" not in body
    assert body["outputConfig"] == {"effort": "medium"}
    assert losses.lost == ["top_k"]
    assert write(model=model, reasoning=Reasoning(effort="none"))[1].lost == ["reasoning"]


def test_stop_sequences_are_asked_back() -> None:
    body, _ = write(stop=["END"])
    assert body["additionalModelResponseFieldPaths"] == ["/stop_sequence"]


def test_tiers_have_words() -> None:
    assert write(service_tier="standard_only")[0]["serviceTier"] == {"type": "default"}


def test_the_key_of_a_cache_is_a_hint() -> None:
    assert write(cache_key="k")[1].dropped == ["cache_key"]


def test_fields_of_bedrock_alone_come_back_and_the_request_stays() -> None:
    own = {
        "guardrailConfig": {"a": 1},
        "additionalModelRequestFields": {"x": 1},
        "additionalModelResponseFieldPaths": ["/y"],
    }
    asked = request(extras=own)
    asked.dialect = "bedrock_converse"
    losses = Losses({}, "bedrock_converse")
    for _ in range(2):
        body = json.loads(write_request(asked, losses).body)
        assert {name: body[name] for name in own} == own
    assert losses.lost == []
