"""Sampled calls of models are spans of OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.collector import attributes, collector
from support.gateway import gateway
from support.loops import in_thread
from support.model_front import KINDS, config, provider, request
from support.raw_http import ask
from support.scripted_provider import ScriptedProvider

CLIENT = 3
"""SPAN_KIND_CLIENT of OTLP's trace.proto."""


def written(url: str, traces: str, dialect: str) -> str:
    price = {"input": 1, "output": 2}
    deployment = {"provider": "p", "model": "scenario-text", "price": price}
    models = {"m": {"deployments": [deployment]}}
    document = config(
        {"p": provider(url, dialect)},
        models,
        tracing={"endpoint": traces},
        policies=[{"traces": {"sample": 1}}],
    )
    return json.dumps(document)


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages", "bedrock_converse"])
def test_an_attempt_tells_model_tokens_and_cost(tmp_path: Path, dialect: str) -> None:
    with (
        collector() as traces,
        in_thread(ScriptedProvider()) as vendor,
        gateway(tmp_path, written(vendor.url, traces.url, dialect)) as running,
    ):
        for stream in (False, True):
            assert ask(running.port, request("chat", "m", stream=stream)).status == 200
        spans = [each for each in traces.wait(4) if each.kind == CLIENT]
        metrics = running.metrics()
    told: list[dict[str, Any]] = [attributes(each) for each in spans]
    vendor_name = {"openai_chat": "openai", "bedrock_converse": "aws.bedrock"}
    for span, said in zip(spans, told, strict=True):
        assert span.name == "chat scenario-text"
        assert said["gen_ai.operation.name"] == "chat"
        assert said["gen_ai.provider.name"] == vendor_name.get(dialect, KINDS[dialect]["kind"])
        assert said["gen_ai.usage.input_tokens"] > 0
        assert said["gen_ai.usage.output_tokens"] > 0
        cost = said["gen_ai.usage.input_tokens"] * 1000 + said["gen_ai.usage.output_tokens"] * 2000
        assert said["sluicegate.cost_nano_usd"] == cost
        assert [each.string_value for each in said["gen_ai.response.finish_reasons"].values] == [
            "stop"
        ]
        assert (said["server.address"], said["sluicegate.deployment"]) == (
            "127.0.0.1",
            "p/scenario-text",
        )
    assert {said.get("gen_ai.request.stream", False) for said in told} == {False, True}
    streamed = next(said for said in told if said.get("gen_ai.request.stream"))
    assert streamed["gen_ai.response.time_to_first_chunk"] > 0
    assert sum(said["sluicegate.cost_nano_usd"] for said in told) == sum(
        value
        for name, value in metrics.items()
        if name.startswith("sluicegate_cost_nano_usd_total")
    )
    assert any(
        name.startswith("gen_ai_server_time_to_first_token_seconds_bucket") for name in metrics
    )
