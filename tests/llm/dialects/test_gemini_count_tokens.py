from __future__ import annotations

import json

import pytest

from sluicegate.llm.canonical import Request, Text, Usage
from sluicegate.llm.counting import counted
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.gemini_count_tokens import DIALECT
from sluicegate.llm.failure import CallError, Failure, Malformed
from sluicegate.llm.losses import Losses
from support.gemini_sdk import GOLDEN, Sdk

COUNT = GOLDEN.parent / "gemini_count_tokens"


def test_a_golden_is_what_the_sdk_sends_and_reads() -> None:
    sdk = Sdk((COUNT / "text.response.json").read_bytes())
    counted = sdk.client.models.count_tokens(model="scenario-text", contents="Say something.")
    assert counted.total_tokens == 12
    assert sdk.body() == json.loads((COUNT / "text.request.json").read_bytes())
    assert sdk.sent[0].url.path == "/v1/models/scenario-text:countTokens"


@pytest.mark.parametrize("whole", [False, True])
def test_what_is_counted_is_read_in_either_form(*, whole: bool) -> None:
    body = (COUNT / "text.request.json").read_bytes()
    if whole:
        body = b'{"generateContentRequest": ' + body + b"}"
    request, _ = DIALECT.read_request(Incoming(body, model="m"))
    (part,) = request.messages[0].parts
    assert isinstance(part, Text)
    assert part.text == "Say something."


def test_a_fault_is_named_where_it_stands() -> None:
    for body, field in (
        (b"{}", "contents"),
        (
            b'{"generateContentRequest": {"contents": [{"role": "x"}]}}',
            "generateContentRequest.contents[0].role",
        ),
    ):
        with pytest.raises(CallError) as caught:
            DIALECT.read_request(Incoming(body))
        assert caught.value.failure.field == field


def test_a_call_is_written_whole() -> None:
    request, _ = DIALECT.read_request(
        Incoming((COUNT / "text.request.json").read_bytes(), model="m")
    )
    body = json.loads(DIALECT.write_request(request, Losses({}, "x")).body)
    assert body["generateContentRequest"]["model"] == "models/m"
    assert body["generateContentRequest"]["contents"][0]["role"] == "user"


def test_a_count_reads_as_it_was_written() -> None:
    written = DIALECT.write_answer(counted(7), Request(dialect="x", model="m", messages=[]))
    assert DIALECT.read_answer(written).usage == Usage(input=7)
    assert DIALECT.measure(written) is None
    for body in (b"", b"{}", b'{"totalTokens": "x"}'):
        with pytest.raises(Malformed):
            DIALECT.measure(body)


def test_it_is_no_call_of_a_model() -> None:
    with pytest.raises(CallError):
        DIALECT.read_request(Incoming(b"{}"))
    failure = Failure(kind="not_found", status=404, message="No.")
    body = DIALECT.write_failure(failure, "r")
    assert DIALECT.read_failure(404, {}, body).kind == "not_found"
