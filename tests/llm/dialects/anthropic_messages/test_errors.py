from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.dialects.anthropic_messages.errors import (
    REFUSED,
    TYPES,
    ErrorIn,
    failure_of,
    read_failure,
    write_failure,
)
from sluicegate.llm.failure import Failure, Kind

TOO_LONG = "prompt is too long: 208310 tokens > 200000 maximum"


def told(kind: str, message: str = "x", **more: object) -> bytes:
    return json.dumps(
        {"type": "error", "error": {"type": kind, "message": message} | more}
    ).encode()


def test_every_kind_has_a_type() -> None:
    assert set(TYPES) == set(get_args(Kind))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"", "authentication"),
        (402, told("billing_error"), "quota"),
        (403, b"<html>", "permission"),
        (404, told("not_found_error"), "not_found"),
        (409, told("conflict_error"), "conflict"),
        (413, b"", "too_large"),
        (422, b"", "invalid_request"),
        (429, b"", "rate_limited"),
        (
            429,
            told("rate_limit_error", details={"error_code": "ramp_limit_exceeded"}),
            "rate_limited",
        ),
        (
            429,
            told("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
            "quota",
        ),
        (500, b"", "server_error"),
        (500, told("overloaded_error"), "overloaded"),
        (502, b"bad gateway", "server_error"),
        (503, b"", "overloaded"),
        (504, b"", "timeout"),
        (529, b"", "overloaded"),
        (400, told("invalid_request_error", TOO_LONG), "context_length"),
        (400, told("invalid_request_error", f"You said: {TOO_LONG}"), "invalid_request"),
    ],
)
def test_a_failure_is_known_by_type_code_and_status(status: int, body: bytes, kind: str) -> None:
    assert read_failure(status, {}, body).kind == kind


def test_the_status_is_the_kinds_whatever_the_providers_was() -> None:
    assert read_failure(529, {}, b"").status == 503
    assert read_failure(402, {}, told("billing_error")).status == 429
    assert failure_of(ErrorIn(type="overloaded_error")).status == 503
    assert read_failure(400, {}, told("overloaded_error")).status == 503


def test_words_about_credentials_are_not_passed_on() -> None:
    failure = read_failure(401, {}, told("authentication_error", "invalid key sk-ant-123"))
    assert failure.message == REFUSED


def test_a_code_goes_on_as_the_apis_own_would() -> None:
    failure = Failure(kind="context_length", status=400, message="m", code="too_many_tokens")
    assert json.loads(write_failure(failure, "req_1")) == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "m",
            "details": {"error_code": "too_many_tokens"},
        },
        "request_id": "req_1",
    }


@given(st.integers(400, 599), st.binary(max_size=60))
def test_no_answer_is_too_odd_to_be_classified(status: int, body: bytes) -> None:
    assert read_failure(status, {b"retry-after": body}, body).kind in TYPES
