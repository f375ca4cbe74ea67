from __future__ import annotations

import json

import httpx2
import pytest

from sluicegate.llm.canonical import Request
from sluicegate.llm.counting import counted
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.anthropic_count_tokens import DIALECT
from sluicegate.llm.failure import CallError, Failure, Malformed
from sluicegate.llm.losses import Losses
from support.anthropic_sdk import client

CALL = {
    "model": "m",
    "messages": [{"role": "user", "content": "Say something."}],
    "system": "You are brief.",
}


def request() -> Request:
    return DIALECT.read_request(Incoming(json.dumps(CALL).encode()))[0]


def test_the_sdk_counts_with_what_it_is_told() -> None:
    asked: list[str] = []

    def answer(call: httpx2.Request) -> httpx2.Response:
        asked.append(call.url.path)
        told, _ = DIALECT.read_request(Incoming(call.read()))
        return httpx2.Response(
            200, content=DIALECT.write_answer(counted(10 * len(told.messages)), told)
        )

    with client(answer) as sdk:
        assert sdk.messages.count_tokens(**CALL).input_tokens == 20  # type: ignore[arg-type]
    assert asked == ["/v1/messages/count_tokens"]


def test_a_call_is_read_as_one_of_the_messages_api_without_a_limit() -> None:
    assert [message.role for message in request().messages] == ["system", "user"]
    with pytest.raises(CallError, match="unknown field"):
        DIALECT.read_request(Incoming(json.dumps(CALL | {"tempo": 1}).encode()))


def test_a_count_uses_nothing_and_something_else_is_malformed() -> None:
    assert DIALECT.measure(b'{"input_tokens":12}') is None
    for bad in (b'{"input_tokens":', b"{}", b'{"input_tokens":"12"}'):
        with pytest.raises(Malformed):
            DIALECT.measure(bad)


def test_its_errors_are_those_of_the_messages_api() -> None:
    failure = DIALECT.read_failure(404, {}, b"")
    assert failure.kind == "not_found"
    assert b"not_found_error" in DIALECT.write_failure(failure, "req_1")
    assert b"api_error" in DIALECT.writer(request()).fail(
        Failure(kind="server_error", status=500, message="m")
    )
    assert (DIALECT.name, DIALECT.family) == ("anthropic_count_tokens", "anthropic")
    assert DIALECT.names == {**DIALECT.names}
    assert DIALECT.stream_type == b"text/event-stream"
    assert DIALECT.framing().feed(b"") == []
    with pytest.raises(Malformed):
        DIALECT.reader().end()


def test_a_count_reads_as_it_was_written() -> None:
    written = DIALECT.write_answer(counted(7), request())
    assert json.loads(written) == {"input_tokens": 7}
    assert DIALECT.read_answer(written) == counted(7)


def test_a_call_is_written_without_what_is_about_its_answer() -> None:
    asked = request()
    asked.max_tokens = 10
    body = json.loads(DIALECT.write_request(asked, Losses({}, "x")).body)
    assert body.keys() == {"model", "messages", "system"}
