from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from sluicegate.llm.dialects.openai_chat.failures import (
    failure_of,
    failure_of_error,
    read_failure,
    write_failure,
)
from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.statuses import STATUS


def read(status: int, body: Any, **headers: str) -> Failure:
    raw = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return read_failure(status, raw, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"code": "context_length_exceeded"}}, "context_length"),
        (
            400,
            {"error": {"innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            "content_filter",
        ),
        (429, {"error": {"type": "insufficient_quota", "code": None}}, "quota"),
        (429, {"object": "error", "type": "rate_limited", "code": "1300"}, "rate_limited"),
        (400, [{"error": {"code": 400, "status": "INVALID_ARGUMENT"}}], "invalid_request"),
        (422, {"detail": [{"loc": ["body"]}]}, "invalid_request"),
        (413, {"error": "too big"}, "too_large"),
        (402, {}, "quota"),
        (418, {}, "invalid_request"),
        (529, None, "overloaded"),
        (502, "<html>", "server_error"),
        (504, 7, "timeout"),
    ],
)
def test_errors_are_classified_by_fields_then_by_status(status: int, body: Any, kind: str) -> None:
    failure = read(status, body)
    assert failure.kind == kind
    assert failure.status == STATUS[failure.kind]


def test_digits_and_words_of_a_message_classify_nothing() -> None:
    text = "429 rate_limit_exceeded context_length_exceeded"
    assert read(400, {"error": {"message": text}}).kind == "invalid_request"


def test_what_the_caller_can_mend_is_said_and_what_may_hold_a_secret_is_not() -> None:
    said = {"error": {"message": "key sk-123 of org-1", "param": "n"}}
    assert read(400, said).message == "key sk-123 of org-1"
    assert read(400, said).field == "n"
    for status in (401, 403, 404, 429, 500, 503):
        assert "sk-" not in read(status, said).message
    assert len(read(400, {"error": {"message": "x" * 9999}}).message) == 2000


def test_the_wait_that_is_asked_for_is_kept() -> None:
    assert read(429, {}, retry_after="7").retry_after_s == 7
    assert read(429, {}, retry_after="7", retry_after_ms="600").retry_after_s == 0.6


def test_an_error_in_a_chunk_may_hold_its_status() -> None:
    assert failure_of_error(b'{"code":429,"message":"x"}').kind == "rate_limited"
    assert failure_of_error(b'{"code":"content_filter"}').kind == "content_filter"
    assert failure_of_error(b'"it broke"').kind == "server_error"
    assert failure_of_error(b'{"type":"invalid_request_error"}').kind == "invalid_request"
    assert failure_of({"code": "server_is_overloaded", "message": "x"}).kind == "overloaded"
    assert failure_of({}).kind == "server_error"


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_a_status_and_words(kind: Kind) -> None:
    failure = Failure(kind=kind, status=STATUS[kind], message="It says why.")
    said = json.loads(write_failure(failure, "request-1"))
    assert said["request_id"] == "request-1"
    assert said["error"]["message"] == "It says why."
    assert said["error"]["type"]
    assert read(failure.status, said).status == failure.status
