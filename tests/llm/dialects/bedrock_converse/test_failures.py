from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.dialects.bedrock_converse.failures import (
    STREAMED,
    exception_for,
    read_exception,
    read_failure,
    write_failure,
)
from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.statuses import STATUS


@given(st.integers(300, 600), st.binary(max_size=60), st.binary(max_size=60))
def test_anything_can_be_classified(status: int, code: bytes, body: bytes) -> None:
    failure = read_failure(status, {b"x-amzn-errortype": code, b"retry-after": code}, body)
    assert STATUS[failure.kind] == failure.status


def test_the_code_may_stand_in_the_body() -> None:
    body = b'{"__type":"com.amazon#ThrottlingException:x","Message":"slow"}'
    failure = read_failure(400, {}, body)
    assert (failure.kind, failure.code, failure.message) == (
        "rate_limited",
        "ThrottlingException",
        "slow",
    )


def test_retry_after_is_understood() -> None:
    assert read_failure(429, {b"retry-after": b"3"}, b"").retry_after_s == 3


@pytest.mark.parametrize(
    "message",
    [
        "Input is too long for requested model.",
        "The model returned the following errors: prompt is too long: 2 tokens > 1 maximum",
    ],
)
def test_a_prompt_that_is_too_long_is_known_by_the_first_words(message: str) -> None:
    body = json.dumps({"message": message}).encode()
    headers = {b"x-amzn-errortype": b"ValidationException"}
    assert read_failure(400, headers, body).kind == "context_length"


def test_words_of_the_caller_decide_nothing() -> None:
    body = json.dumps({"message": "Unknown tool `Input is too long for requested model`"}).encode()
    headers = {b"x-amzn-errortype": b"ValidationException"}
    assert read_failure(400, headers, body).kind == "invalid_request"


def test_what_is_said_about_credentials_is_not_passed_on() -> None:
    body = b'{"message":"The Canonical String should have been x-amz-security-token:SECRET"}'
    for code in (b"InvalidSignatureException", b"AccessDeniedException"):
        failure = read_failure(403, {b"x-amzn-errortype": code}, body)
        assert "SECRET" not in failure.message


def test_an_unknown_exception_of_a_stream_is_the_servers() -> None:
    failure = read_exception("exception:newException", b"no json")
    assert (failure.kind, failure.status, failure.code) == ("server_error", 500, "NewException")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_failure_can_be_written(kind: Kind) -> None:
    failure = Failure(kind=kind, status=STATUS[kind], message="So it is.")
    body = json.loads(write_failure(failure))
    assert body["message"] == "So it is."
    assert body["__type"].endswith("Exception")
    assert exception_for(failure) in STREAMED
