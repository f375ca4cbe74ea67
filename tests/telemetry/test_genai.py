from __future__ import annotations

import importlib
import warnings
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from sluicegate.llm.call import Charge, ModelCall
from sluicegate.llm.canonical import StopReason, Usage
from sluicegate.llm.dialects import names as dialect_names
from sluicegate.llm.endpoint import CALLS, GEMINI_CALLS, Endpoint
from sluicegate.metrics import HistogramCell, Metrics
from sluicegate.telemetry.genai import (
    MOST_CONSUMERS,
    OPERATIONS,
    REASONS,
    VENDORS,
    GenAi,
    ModelSpan,
    operation_of,
    vendor_of,
)
from support.exchanges import exchange
from support.mock_clock import MockClock

USAGE = Usage(input=100, output=51, cached=20)
CHAT = ("chat", "openai", "gpt", "gpt-4o")


def semconv(module: str) -> Any:
    """Return a module of the conventions; they say of all of it that it has moved."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"opentelemetry.semconv._incubating.{module}")


def values(enum: str) -> set[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {each.value for each in getattr(semconv("attributes.gen_ai_attributes"), enum)}


class Pool:
    """A pool of one deployment."""

    def __init__(self, model: str = "gpt-4o", kind: str = "openai", name: str = "gpt") -> None:
        self.name = name
        link = SimpleNamespace(name="p", config=SimpleNamespace(kind=kind))
        self.deployment = SimpleNamespace(
            name="gpt/p", link=link, model="gpt", config=SimpleNamespace(model=model)
        )

    def find(self, name: str) -> Any:
        return self.deployment if name == "gpt/p" else None


def asked(clock: MockClock, pool: Pool | None = None, consumer: str | None = None) -> Any:
    made = exchange("POST", "/v1/chat/completions", clock=clock)
    pools = {"gpt": pool or Pool()}
    made.snapshot = SimpleNamespace(models=SimpleNamespace(pools=pools))  # type: ignore[assignment]
    made.consumer_name = consumer
    return made


def called(*, stream: bool = False, dialect: str = "openai_chat") -> ModelCall:
    call = ModelCall(Endpoint("call", dialect), "gpt")
    call.alias, call.provider, call.deployment, call.stream = "gpt", "p", "gpt/p", stream
    call.usage = USAGE
    return call


def seen(metrics: Metrics, family: str, *labels: str) -> HistogramCell:
    return metrics.families[family].histogram(*labels)


# --- the conventions ----------------------------------------------------------------------------


def test_metrics_have_the_names_of_the_conventions() -> None:
    metrics = Metrics()
    GenAi(metrics)
    names = semconv("metrics.gen_ai_metrics")
    ours = {name for name in metrics.families if name.startswith("gen_ai_")}
    assert ours == {
        names.GEN_AI_CLIENT_TOKEN_USAGE.replace(".", "_"),
        names.GEN_AI_CLIENT_OPERATION_DURATION.replace(".", "_") + "_seconds",
        names.GEN_AI_SERVER_TIME_TO_FIRST_TOKEN.replace(".", "_") + "_seconds",
        names.GEN_AI_SERVER_TIME_PER_OUTPUT_TOKEN.replace(".", "_") + "_seconds",
    }


def test_labels_have_the_names_of_the_conventions() -> None:
    metrics = Metrics()
    GenAi(metrics)
    known = vars(semconv("attributes.gen_ai_attributes")).values()
    names = {each.replace(".", "_") for each in known if isinstance(each, str)} | {"error_type"}
    for name, family in metrics.families.items():
        if name.startswith("gen_ai_"):
            assert set(family.labels) <= names
            assert family.kind == "histogram"


def test_operations_and_providers_have_the_names_of_the_conventions() -> None:
    assert set(OPERATIONS.values()) <= values("GenAiOperationNameValues")
    assert set(VENDORS.values()) <= values("GenAiProviderNameValues")
    same = {"openai", "anthropic", "cohere", "groq", "deepseek", "perplexity"}
    assert {vendor_of(kind) for kind in same} <= values("GenAiProviderNameValues")


def test_every_dialect_that_a_caller_may_speak_has_an_operation() -> None:
    spoken = {*CALLS.values(), *(dialect for dialect, _ in GEMINI_CALLS.values())}
    counting = {"anthropic_count_tokens", "gemini_count_tokens"}
    assert spoken - counting <= OPERATIONS.keys()
    assert OPERATIONS.keys() <= set(dialect_names())
    assert operation_of("anthropic_count_tokens") == "anthropic_count_tokens"


def test_every_reason_to_stop_has_a_word() -> None:
    assert REASONS.keys() == set(get_args(StopReason))


# --- what is counted ----------------------------------------------------------------------------


def test_a_call_counts_its_tokens_and_its_time() -> None:
    metrics, clock = Metrics(), MockClock()
    genai, made, call = GenAi(metrics), asked(clock), called()
    clock.advance(1.5)
    genai.over(made, call, "ok")
    assert seen(metrics, "gen_ai_client_token_usage", *CHAT, "input").sum == 100
    assert seen(metrics, "gen_ai_client_token_usage", *CHAT, "output").sum == 51
    assert seen(metrics, "gen_ai_client_operation_duration_seconds", *CHAT, "").sum == 1.5
    assert not metrics.families["gen_ai_server_time_to_first_token_seconds"].series


def test_a_stream_counts_its_first_token_and_how_fast_the_others_came() -> None:
    metrics, clock = Metrics(), MockClock()
    genai, made, call = GenAi(metrics), asked(clock), called(stream=True)
    clock.advance(0.5)
    call.first_token_at = clock.monotonic()
    clock.advance(5)
    genai.over(made, call, "ok")
    assert seen(metrics, "gen_ai_server_time_to_first_token_seconds", *CHAT).sum == 0.5
    assert seen(metrics, "gen_ai_server_time_per_output_token_seconds", *CHAT).sum == 0.1
    speed = seen(metrics, "sluicegate_model_output_tokens_per_second", "gpt", "gpt/p")
    assert speed.sum == 10


@pytest.mark.parametrize("output", [0, 1, 2**60, -3])
def test_a_stream_of_fewer_than_two_tokens_has_no_speed(output: int) -> None:
    metrics, clock = Metrics(), MockClock()
    genai, made, call = GenAi(metrics), asked(clock), called(stream=True)
    call.usage = Usage(input=1, output=output)
    call.first_token_at = clock.monotonic()
    clock.advance(1)
    genai.over(made, call, "ok")
    assert not metrics.families["gen_ai_server_time_per_output_token_seconds"].series
    assert not metrics.families["sluicegate_model_output_tokens_per_second"].series


def test_what_went_wrong_is_the_type_of_the_error() -> None:
    metrics, clock = Metrics(), MockClock()
    genai, call = GenAi(metrics), called(stream=True)
    call.first_token_at = clock.monotonic()
    made = asked(clock)
    clock.advance(2)
    genai.over(made, call, "timeout")
    assert seen(metrics, "gen_ai_client_operation_duration_seconds", *CHAT, "timeout").sum == 2
    assert not metrics.families["gen_ai_server_time_to_first_token_seconds"].series


def test_tokens_that_were_estimated_are_not_reported() -> None:
    metrics, clock = Metrics(), MockClock()
    call = called()
    call.usage = Usage(input=5, output=5, estimated=True)
    GenAi(metrics).over(asked(clock), call, "ok")
    assert not metrics.families["gen_ai_client_token_usage"].series


def test_a_call_that_nobody_was_asked_for_has_no_provider() -> None:
    metrics, clock = Metrics(), MockClock()
    call = called()
    call.provider = call.deployment = call.usage = None
    GenAi(metrics).over(asked(clock), call, "unavailable")
    durations = metrics.families["gen_ai_client_operation_duration_seconds"]
    assert list(durations.series) == [("chat", "", "gpt", "", "unavailable")]


def test_a_provider_that_is_another_one_after_a_reload_is_told_apart() -> None:
    metrics, clock = Metrics(), MockClock()
    genai = GenAi(metrics)
    genai.over(asked(clock), called(), "ok")
    genai.over(asked(clock, Pool("claude", "bedrock")), called(), "ok")
    found = metrics.families["gen_ai_client_operation_duration_seconds"].series
    assert [labels[1::2] for labels in found] == [("openai", "gpt-4o"), ("aws.bedrock", "claude")]


def test_of_deployments_of_one_name_it_is_that_of_the_model_asked_for() -> None:
    metrics, clock = Metrics(), MockClock()
    made: Any = asked(clock)
    made.snapshot.models.pools = {"a": Pool("other", name="a"), "gpt": Pool()}
    GenAi(metrics).over(made, called(), "ok")
    made.snapshot = SimpleNamespace(models=SimpleNamespace(pools={"a": Pool("other", name="a")}))
    GenAi(metrics).over(made, called(), "ok")
    found = metrics.families["gen_ai_client_operation_duration_seconds"].series
    assert [labels[3] for labels in found] == ["gpt-4o", "other"]


def test_what_a_consumer_costs_is_counted_over_all_attempts() -> None:
    metrics, clock = Metrics(), MockClock()
    genai = GenAi(metrics)
    call = called()
    call.charges = [Charge(USAGE, 700), Charge(USAGE, 50)]
    genai.over(asked(clock, consumer="ann"), call, "ok")
    genai.over(asked(clock, consumer="ann"), call, "ok")
    genai.over(asked(clock), call, "ok")
    cost = metrics.families["sluicegate_cost_nano_usd_total"]
    assert cost.cell("ann", "gpt").value == 1500
    assert cost.cell("-", "gpt").value == 750


def test_an_unknown_price_counts_nothing() -> None:
    metrics, clock = Metrics(), MockClock()
    call = called()
    call.charges = [Charge(USAGE, 700), Charge(USAGE, None)]
    GenAi(metrics).over(asked(clock, consumer="ann"), call, "ok")
    assert not metrics.families["sluicegate_cost_nano_usd_total"].series


def test_consumers_past_the_bound_cost_as_one() -> None:
    metrics, clock = Metrics(), MockClock()
    genai, call = GenAi(metrics), called()
    call.charges = [Charge(USAGE, 1)]
    for number in range(MOST_CONSUMERS + 5):
        genai.over(asked(clock, consumer=f"c{number}"), call, "ok")
    genai.over(asked(clock, consumer="c0"), call, "ok")
    cost = metrics.families["sluicegate_cost_nano_usd_total"]
    assert len(cost.series) == MOST_CONSUMERS + 1
    assert cost.cell("other", "gpt").value == 5
    assert cost.cell("c0", "gpt").value == 2


def test_reasons_of_a_span_are_bounded() -> None:
    span = ModelSpan("openai_chat", "openai", "m", stream=True, scheme="https", authority="x")
    for _ in range(1000):
        span.stopped("end")
    assert len(span.reasons) == 128
    assert set(span.reasons) == {"stop"}
