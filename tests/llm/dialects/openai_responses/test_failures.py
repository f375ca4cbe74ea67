"""Errors, whole and in streams, and the exceptions that the SDK makes of them."""

import json

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import Begun, Failed
from sluicegate.llm.dialects.openai_responses.failures import (
    CODES,
    read_failure,
    stream_failure,
    write_failure,
)
from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.statuses import STATUS
from support.llm_goldens import ERRORS, events_of, golden
from support.llm_samples import request
from support.openai_sdk import RAISED
from support.responses_sdk import DIALECT, NAME


def read_golden(kind: str) -> Failure:
    said = json.loads(golden(NAME, f"errors/{kind}.json"))
    headers = {name.encode(): value.encode() for name, value in said["headers"].items()}
    return read_failure(said["status"], headers, json.dumps(said["body"]).encode())


@pytest.mark.parametrize(("name", "kind"), ERRORS.items())
def test_an_error_of_the_vendor_is_classified_as_that_of_a_chat(name: str, kind: Kind) -> None:
    failure = read_golden(name)
    said = json.loads(golden(NAME, f"errors/{name}.json"))
    assert failure.kind == kind
    assert failure.status == said["status"]
    assert failure.field == said["body"]["error"]["param"]
    assert (failure.message == said["body"]["error"]["message"]) == (failure.status == 400)


def test_an_error_is_written_with_the_codes_that_clients_know() -> None:
    for kind, code in CODES.items():
        failure = Failure(kind=kind, status=STATUS[kind], message="It is so.")
        assert json.loads(write_failure(failure))["error"]["code"] == code


def test_an_error_in_a_stream_may_be_flat_or_an_object() -> None:
    inner = {"type": "tokens", "message": "x", "param": "input"}
    for event in ({"type": "error", "error": inner}, {**inner, "code": "rate_limit_exceeded"}):
        failure = stream_failure(event)
        assert (failure.kind, failure.status, failure.field) == ("rate_limited", 429, "input")


def test_how_long_to_wait_is_read_in_milliseconds_first() -> None:
    assert read_golden("rate_limited").retry_after_s == 1.5


@pytest.mark.parametrize(("kind", "raised"), RAISED.items())
def test_the_sdk_raises_the_exception_that_fits(
    kind: Kind, raised: type[openai.APIStatusError]
) -> None:
    failure = Failure(kind=kind, status=STATUS[kind], message="It is so.", field="input")
    body = DIALECT.write_failure(failure, "req-1")

    def answer(_: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "application/json"}
        return httpx2.Response(failure.status, content=body, headers=headers)

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    with (
        openai.OpenAI(
            api_key="k", base_url="http://gateway", http_client=transport, max_retries=0
        ) as client,
        pytest.raises(raised) as error,
    ):
        client.responses.create(model="m", input="Say something.")
    assert type(error.value) is raised
    assert error.value.param == "input"
    assert "It is so." in error.value.message


@pytest.mark.parametrize("kind", ["server_error", "overloaded", "rate_limited", "context_length"])
def test_an_error_in_a_stream_ends_it_once(kind: str) -> None:
    events = events_of(DIALECT, golden(NAME, f"errors/{kind}.stream"))
    failed = [event for event in events if isinstance(event, Failed)]
    assert [event.failure.kind for event in failed] == [kind]
    assert events[-1] is failed[0]


def test_the_sdk_raises_on_an_error_in_a_stream() -> None:
    writer = DIALECT.writer(request())
    data = writer.write([Begun("resp_1", "m", 0)]) + writer.fail(
        Failure(kind="timeout", status=504, message="The model fell silent.")
    )

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=data, headers={"content-type": "text/event-stream"})

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    with openai.OpenAI(api_key="k", base_url="http://gateway", http_client=transport) as client:
        stream = client.responses.create(model="m", input="Say something.", stream=True)
        with pytest.raises(openai.APIError, match="The model fell silent"):
            list(stream)


@given(
    status=st.integers(400, 599),
    body=st.binary(max_size=40)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.dictionaries(
            st.sampled_from(["error", "code", "message", "type", "param"]), inner, max_size=4
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)
def test_whatever_an_error_says_it_is_read_and_can_be_written(status: int, body: bytes) -> None:
    failure = read_failure(status, {}, body)
    assert failure.status == STATUS[failure.kind]
    again = read_failure(failure.status, {}, write_failure(failure))
    assert again.status == failure.status
