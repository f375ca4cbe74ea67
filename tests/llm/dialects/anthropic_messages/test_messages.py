"""The dialect as a whole: what the official SDK says and hears, through goldens it agrees with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic.types import (
    ErrorResponse,
    Message,
    MessageCreateParams,
    RawMessageStreamEvent,
)
from pydantic import TypeAdapter

from sluicegate.llm.canonical import Answer, Begun, Delta, PartBegun, Request, Stopped, ToolCall
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.anthropic_messages import DIALECT
from sluicegate.llm.losses import Losses
from sluicegate.llm.signature import is_mixed
from sluicegate.llm.statuses import STATUS
from support.anthropic_scenarios import calls
from support.anthropic_sdk import received, refused, sent, streamed

GOLDENS = Path(__file__).parents[3] / "golden/llm/anthropic_messages"
SCENARIOS = sorted(calls())
ERRORS = {
    "invalid_request": anthropic.BadRequestError,
    "authentication": anthropic.AuthenticationError,
    "permission": anthropic.PermissionDeniedError,
    "not_found": anthropic.NotFoundError,
    "context_length": anthropic.BadRequestError,
    "content_filter": anthropic.BadRequestError,
    "rate_limited": anthropic.RateLimitError,
    "quota": anthropic.RateLimitError,
    "overloaded": anthropic.APIStatusError,
    "server_error": anthropic.InternalServerError,
}


def golden(name: str) -> bytes:
    return (GOLDENS / name).read_bytes()


def request_of(scenario: str) -> Request:
    return DIALECT.read_request(Incoming(golden(f"{scenario}.request.json")))[0]


def answer_of(scenario: str) -> Answer:
    return DIALECT.read_answer(golden(f"{scenario}.response.json"))


def events_of(stream: bytes) -> list[Any]:
    framing, reader = DIALECT.framing(), DIALECT.reader()
    events = [event for frame in framing.feed(stream) for event in reader.read(frame)]
    return [*events, *reader.end()]


def said(message: Message) -> dict[str, Any]:
    """What a message says, without nulls: a vendor may leave them out."""
    return message.model_dump(exclude_none=True)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_goldens_are_what_the_sdk_sends_and_takes(scenario: str) -> None:
    call, body = calls()[scenario], golden(f"{scenario}.response.json")
    assert sent(call, body) == json.loads(golden(f"{scenario}.request.json"))
    TypeAdapter(MessageCreateParams).validate_json(golden(f"{scenario}.request.json"))
    whole = Message.model_validate_json(body)
    for frame in DIALECT.framing().feed(golden(f"{scenario}.stream")):
        if frame.name != "ping":
            event: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
            event.validate_json(frame.data)
    assert said(streamed(call, golden(f"{scenario}.stream"))) == said(whole)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_request_that_was_read_and_written_asks_the_same(scenario: str) -> None:
    request = request_of(scenario)
    losses = Losses({}, DIALECT.name)
    outgoing = DIALECT.write_request(request, losses)
    assert losses.settle(drop=False) == []
    assert json.loads(outgoing.body) == json.loads(golden(f"{scenario}.request.json"))
    assert outgoing.headers == ((b"anthropic-version", b"2023-06-01"),)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_sdk_hears_the_same_from_an_answer_that_was_read_and_written(scenario: str) -> None:
    call, body = calls()[scenario], golden(f"{scenario}.response.json")
    written = DIALECT.write_answer(answer_of(scenario), request_of(scenario))
    before, after = said(received(call, body)), said(received(call, written))
    before["usage"].pop("cache_creation")
    after["usage"].pop("cache_creation", None)
    assert after == before


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_sdk_hears_the_same_from_a_stream_that_was_read_and_written(scenario: str) -> None:
    call, stream = calls()[scenario], golden(f"{scenario}.stream")
    writer = DIALECT.writer(request_of(scenario))
    written = b"".join(writer.write([event]) for event in events_of(stream))
    before, after = said(streamed(call, stream)), said(streamed(call, written))
    before["usage"].pop("cache_creation")
    after["usage"].pop("cache_creation", None)
    assert after == before


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_stream_says_what_the_whole_answer_says(scenario: str) -> None:
    answer = answer_of(scenario)
    events = events_of(golden(f"{scenario}.stream"))
    assert isinstance(events[0], Begun)
    assert events[0].id == answer.id
    stops = [event.stop for event in events if isinstance(event, Stopped)]
    assert stops == [answer.choices[0].stop]
    begun = [type(event.empty) for event in events if isinstance(event, PartBegun)]
    assert begun == [type(part) for part in answer.choices[0].parts]
    for index, part in enumerate(answer.choices[0].parts):
        text = "".join(e.text for e in events if isinstance(e, Delta) and e.part == index)
        if isinstance(part, ToolCall):
            assert json.loads(text) == json.loads(part.arguments)
        else:
            assert text == part.text  # type: ignore[union-attr]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_measuring_finds_what_reading_finds(scenario: str) -> None:
    body = golden(f"{scenario}.response.json")
    assert DIALECT.measure(body) == answer_of(scenario).usage


@pytest.mark.parametrize("kind", sorted(ERRORS))
def test_an_error_is_known_and_raises_the_sdks_own_class_again(kind: str) -> None:
    told = json.loads(golden(f"errors/{kind}.json"))
    ErrorResponse.model_validate(told["body"])
    body = json.dumps(told["body"]).encode()
    assert isinstance(refused(told["status"], told["headers"], body), ERRORS[kind])
    headers = {name.encode(): value.encode() for name, value in told["headers"].items()}
    failure = DIALECT.read_failure(told["status"], headers, body)
    assert (failure.kind, failure.status) == (kind, STATUS[failure.kind])
    assert failure.retry_after_s == (7.0 if kind == "rate_limited" else None)
    error = refused(told["status"], {}, DIALECT.write_failure(failure, "req_1"))
    assert type(error) is type(refused(told["status"], told["headers"], body))
    assert error.type == told["body"]["error"]["type"]
    ErrorResponse.model_validate(error.body)


@pytest.mark.parametrize("kind", ["overloaded", "server_error"])
def test_a_stream_that_fails_makes_the_sdk_raise(kind: str) -> None:
    events = events_of(golden(f"errors/{kind}.stream"))
    assert events[-1].failure.kind == kind
    writer = DIALECT.writer(request_of("text"))
    with pytest.raises(anthropic.APIStatusError) as raised:
        streamed(calls()["text"], writer.write(events))
    assert raised.value.type == {"overloaded": "overloaded_error"}.get(kind, "api_error")


def test_the_dialect_says_who_it_is() -> None:
    assert (DIALECT.name, DIALECT.family) == ("anthropic_messages", "anthropic")
    assert DIALECT.stream_type == b"text/event-stream"
    assert DIALECT.names["stop"] == "stop_sequences"


def test_a_turn_of_another_vendors_model_does_not_pass_through_but_can_be_written() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "gemini:abc"}
    called = {"type": "tool_use", "id": "a", "name": "f", "input": {"b": 1}}
    said = called | {"sluicegate": {"signature": "gemini:abc"}}
    plain = json.loads(golden("text.request.json"))
    assert not is_mixed(json.dumps(plain | {"system": "gemini: or openai:"}).encode(), "anthropic")
    for content in ([thought, called], [thought], [said]):
        turns = [*plain["messages"], {"role": "assistant", "content": content}]
        body = json.dumps(plain | {"messages": turns}).encode()
        assert is_mixed(body, "anthropic")
        losses = Losses({}, DIALECT.name)
        written = DIALECT.write_request(DIALECT.read_request(Incoming(body))[0], losses).body
        assert losses.settle(drop=False) == ["messages[1].content[0]"]
        assert not is_mixed(written, "anthropic")
