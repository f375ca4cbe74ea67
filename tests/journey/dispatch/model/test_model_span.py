from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec

from sluicegate.journey.dispatch.model.model_span import begin, see, see_whole, settle
from sluicegate.llm.call import Charge, ModelCall
from sluicegate.llm.canonical import Begun, Delta, Stop, Stopped, Usage
from sluicegate.llm.dialects import find
from sluicegate.llm.endpoint import Endpoint
from sluicegate.llm.providers import find as provider
from sluicegate.telemetry.genai import ModelSpan
from sluicegate.telemetry.trace import AttemptSpan


def deployment(url: str = "http://llm.example:8000/v1") -> Any:
    config = SimpleNamespace(kind="openai_compatible", url=url, region=None, dialects=None)
    link = SimpleNamespace(config=config, facts=provider("openai_compatible"))
    return SimpleNamespace(link=link, model_for=lambda asked: f"theirs-{asked}")


def begun(dialect: str = "openai_chat") -> tuple[AttemptSpan, ModelSpan]:
    span = AttemptSpan("a" * 32, "p", "m/p", 1, 5)
    begin(span, ModelCall(Endpoint("call", dialect), "m"), deployment(), "m")
    assert span.model is not None
    return span, span.model


def test_an_attempt_says_what_is_asked_for_and_where() -> None:
    _, model = begun("gemini_generate")
    assert (model.operation, model.vendor) == ("generate_content", "openai_compatible")
    assert model.model == "theirs-m"
    assert (model.scheme, model.authority) == ("http", "llm.example:8000")


def test_a_stream_says_who_answers_and_why_it_ended() -> None:
    span, model = begun()
    see(span, [Begun("id-1", "theirs", 1), Delta(0, 0, "secret")])
    see(span, [Stopped(0, Stop(reason="length"))])
    assert (model.response_id, model.response_model) == ("id-1", "theirs")
    assert model.reasons == ["length"]
    assert "secret" not in repr([getattr(model, name) for name in model.__slots__])


def test_a_whole_answer_says_the_same() -> None:
    span, model = begun()
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "secret"},
        "finish_reason": "tool_calls",
    }
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "t", "choices": [choice]}
    see_whole(span, find("openai_chat"), [msgspec.json.encode(body)])
    assert (model.response_id, model.response_model) == ("x", "t")
    assert len(model.reasons) == 1


def test_an_answer_that_cannot_be_read_says_nothing() -> None:
    span, model = begun()
    see_whole(span, find("openai_chat"), [b"{}", b"x"])
    see_whole(span, find("openai_embeddings"), [b"{}"])
    assert model.response_id == ""


def test_an_attempt_at_no_model_is_left_alone() -> None:
    span = AttemptSpan("a" * 32, "s", "10.0.0.1:80", 1, 5)
    see(span, [Begun("id", "m", 1)])
    see_whole(span, find("openai_chat"), [])
    assert span.model is None


def test_the_end_says_what_was_used_and_cost() -> None:
    span, model = begun()
    used = Usage(input=3, output=2)
    model.stream = True
    settle(span, Charge(used, 70), 0.25)
    assert (model.usage, model.cost, model.first_token_s) == (used, 70, 0.25)
    model.stream = False
    settle(span, Charge(used, None), 0.25)
    assert (model.cost, model.first_token_s) == (None, 0.0)
    settle(AttemptSpan("a" * 32, "s", "10.0.0.1:80", 1, 5), Charge(used, 1), 0.0)
