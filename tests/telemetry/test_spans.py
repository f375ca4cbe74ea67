from __future__ import annotations

import importlib
import threading
import warnings
from typing import Any

import pytest

from sluicegate.llm.canonical import Usage
from sluicegate.metrics import Metrics
from sluicegate.telemetry.genai import ModelSpan
from sluicegate.telemetry.spans import AttemptRecord, Record, SpanQueue, spans_of

ATTEMPT = AttemptRecord("b" * 16, "users", "10.0.0.5:9000", 1, 110, 150, 200, None)
RECORD = Record(
    trace_id="a" * 32,
    span_id="c" * 16,
    parent_id=None,
    start_us=100,
    end_us=160,
    method="GET",
    path="/users/7",
    scheme="https",
    authority="api.example:8443",
    client="192.0.2.7",
    user_agent="curl/8",
    request_id="r-1",
    route="users",
    template="/users/{id}",
    consumer="bob",
    status=200,
    error=None,
    attempts=(ATTEMPT,),
)


def server(**changes: Any) -> Any:
    return spans_of(RECORD._replace(**changes))[0]


def attempt(**changes: Any) -> Any:
    return spans_of(RECORD._replace(attempts=(ATTEMPT._replace(**changes),)))[1]


def test_an_exchange_is_a_span_of_a_server_named_by_its_route() -> None:
    span = server()
    assert (span.name, span.is_server, span.failed) == ("GET /users/{id}", True, False)
    assert (span.start_us, span.end_us, span.parent_id) == (100, 160, None)
    assert span.attributes == {
        "http.request.method": "GET",
        "url.path": "/users/7",
        "url.scheme": "https",
        "server.address": "api.example",
        "server.port": 8443,
        "client.address": "192.0.2.7",
        "user_agent.original": "curl/8",
        "http.route": "/users/{id}",
        "http.response.status_code": 200,
        "sluicegate.route": "users",
        "sluicegate.consumer": "bob",
        "sluicegate.request_id": "r-1",
    }


def test_an_attempt_is_a_span_of_a_client_below_it() -> None:
    span = attempt()
    assert (span.name, span.is_server, span.parent_id) == ("GET", False, "c" * 16)
    assert span.attributes == {
        "http.request.method": "GET",
        "server.address": "10.0.0.5",
        "server.port": 9000,
        "http.response.status_code": 200,
        "sluicegate.service": "users",
    }


def test_without_a_route_the_name_is_the_method_and_what_is_not_known_is_not_said() -> None:
    span = server(route=None, template=None, consumer=None, user_agent=None, authority="")
    assert span.name == "GET"
    absent = {"http.route", "sluicegate.consumer", "user_agent.original", "server.port"}
    assert not absent & set(span.attributes)


def test_unknown_methods_do_not_become_names() -> None:
    span = server(method="BREW")
    assert span.name == "HTTP /users/{id}"
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == "BREW"


@pytest.mark.parametrize(
    ("authority", "scheme", "host", "port"),
    [
        ("a.example", "http", "a.example", 80),
        ("a.example", "wss", "a.example", 443),
        ("[2001:db8::1]", "https", "2001:db8::1", 443),
        ("[2001:db8::1]:81", "https", "2001:db8::1", 81),
    ],
)
def test_the_port_is_the_hosts_or_the_schemes(
    authority: str, scheme: str, host: str, port: int
) -> None:
    found = server(authority=authority, scheme=scheme).attributes
    assert (found["server.address"], found["server.port"]) == (host, port)


def test_a_404_is_an_error_of_the_attempt_and_not_of_the_exchange() -> None:
    assert not server(status=404).failed
    assert attempt(status=404).failed
    assert attempt(status=404).attributes["error.type"] == "404"


def test_what_went_wrong_is_named() -> None:
    assert server(status=502, error="upstream-failed").attributes["error.type"] == "upstream-failed"
    assert server(status=502, error="upstream-failed").failed
    gone = server(status=0, error="client-gone")
    assert gone.failed
    assert "http.response.status_code" not in gone.attributes
    reset = attempt(status=0, error="reset")
    assert reset.failed
    assert reset.attributes["error.type"] == "reset"


def test_attempts_after_the_first_are_counted_as_resent() -> None:
    assert attempt(number=3).attributes["http.request.resend_count"] == 2


def test_an_attempt_that_had_not_ended_was_cancelled_with_its_exchange() -> None:
    span = attempt(status=0, end_us=0)
    assert (span.end_us, span.attributes["error.type"]) == (160, "cancelled")


def test_no_span_ends_before_it_begins_even_if_the_clock_was_set_back() -> None:
    assert server(end_us=50).end_us == 100
    assert attempt(end_us=50).end_us == 110


def test_a_full_queue_drops_the_newest_and_counts_their_spans() -> None:
    metrics = Metrics()
    queue = SpanQueue(2, 512, threading.Event(), metrics)
    for number in range(4):
        queue.offer(RECORD._replace(request_id=str(number)))
    assert [record.request_id for record in queue.take(10)] == ["0", "1"]
    assert metrics.families["sluicegate_spans_dropped_total"].cell("overflow").value == 4
    assert not len(queue)


def test_a_whole_batch_wakes_the_thread_that_exports() -> None:
    wake = threading.Event()
    queue = SpanQueue(10, 2, wake, Metrics())
    queue.offer(RECORD)
    queue.offer(RECORD)
    assert not wake.is_set()
    queue.offer(RECORD)
    assert wake.is_set()
    assert len(queue.take(2)) == 2


# --- calls of models ----------------------------------------------------------------------------


def model_span(**changes: Any) -> ModelSpan:
    made = ModelSpan(
        "openai_chat", "azure", "gpt-4o", stream=True, scheme="https", authority="llm.example"
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_an_attempt_at_a_model_is_named_by_operation_and_model() -> None:
    made = model_span(usage=Usage(input=9, output=4, cached=2, reasoning=1), cost=130)
    made.named("chatcmpl-1", "gpt-4o-2024-11-20")
    made.stopped("tool_calls")
    span = attempt(model=made, target="gpt/azure", service="azure")
    assert (span.name, span.is_server, span.parent_id) == ("chat gpt-4o", False, "c" * 16)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "llm.example",
        "server.port": 443,
        "sluicegate.service": "azure",
        "sluicegate.deployment": "gpt/azure",
        "sluicegate.cost_nano_usd": 130,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.stream": True,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-4o-2024-11-20",
        "gen_ai.response.finish_reasons": ("tool_call",),
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 1,
    }


def test_all_its_attributes_are_of_the_conventions() -> None:
    tokens = dict.fromkeys(Usage.__struct_fields__, 1)
    made = model_span(usage=Usage(**tokens), first_token_s=0.25, cost=1)
    made.named("a", "b")
    made.stopped("end")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # all of the module is marked as moved
        module = importlib.import_module(
            "opentelemetry.semconv._incubating.attributes.gen_ai_attributes"
        )
    # Younger than the module: gen-ai-spans.md of open-telemetry/semantic-conventions-genai.
    modalities = {f"gen_ai.usage.{part}_tokens" for part in ("audio.input", "audio.output")}
    known = {each for each in vars(module).values() if isinstance(each, str)} | modalities
    known.add("gen_ai.usage.image.input_tokens")
    ours = {name for name in attempt(model=made).attributes if name.startswith("gen_ai.")}
    assert ours <= known
    assert "gen_ai.response.time_to_first_chunk" in ours


def test_an_attempt_at_a_model_that_failed_says_how() -> None:
    span = attempt(model=model_span(), error="overloaded", status=529)
    assert span.failed
    assert span.attributes["error.type"] == "overloaded"
    assert "gen_ai.usage.input_tokens" not in span.attributes
