from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from google.genai import errors
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.dialects.gemini_generate.failures import NAMES, read_failure, write_failure
from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.statuses import STATUS
from support.gemini_sdk import ERRORS, GOLDEN, Sdk


def golden(kind: str) -> tuple[int, bytes]:
    said = json.loads((GOLDEN / "errors" / f"{kind}.json").read_bytes())
    return said["status"], json.dumps(said["body"]).encode()


@pytest.mark.parametrize("kind", ERRORS)
def test_the_vendors_errors_are_classified(kind: str) -> None:
    status, body = golden(kind)
    assert read_failure(status, {}, body).kind == kind
    assert read_failure(status, {}, b"[" + body + b"]").kind == kind


def test_the_time_to_wait_is_in_the_details_or_the_head() -> None:
    assert read_failure(*[429], {}, golden("rate_limited")[1]).retry_after_s == 7
    assert read_failure(429, {b"retry-after": b"3"}, golden("rate_limited")[1]).retry_after_s == 7
    assert read_failure(429, {b"retry-after": b"3"}, b"").retry_after_s == 3
    assert read_failure(429, {b"retry-after": b"soon"}, b"").retry_after_s is None


def test_a_key_in_a_message_is_not_passed_on() -> None:
    status, body = golden("permission")
    assert b"THE-KEY-OF-THE-GATEWAY" in body
    assert "THE-KEY" not in repr(read_failure(status, {}, body))


def test_a_prompt_that_speaks_of_tokens_is_not_too_long() -> None:
    words = "The input token count (9) exceeds the maximum number of tokens allowed (8)."
    for message, kind in ((words, "context_length"), (f"Invalid: {words}", "invalid_request")):
        error = {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
        assert read_failure(400, {}, json.dumps(error).encode()).kind == kind


@given(
    st.integers(400, 599),
    st.binary()
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["error", "details", "code", "status", "message", "@type", "reason"]
                ),
                inner,
            )
        ),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_whatever_comes_is_a_failure(status: int, body: bytes) -> None:
    assert read_failure(status, {}, body).kind in get_args(Kind)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_each_raises_the_sdks_class_and_reads_as_it_was_written(kind: Any) -> None:
    status = STATUS[kind]
    failure = Failure(kind=kind, status=status, message="It broke.", field="a.b", retry_after_s=1.5)
    body = write_failure(failure, "request-1")
    wanted = errors.ClientError if status < 500 else errors.ServerError
    with pytest.raises(wanted) as caught:
        Sdk(body, status=status).ask()
    assert caught.value.code == status
    assert caught.value.status == NAMES[kind]
    assert caught.value.message == "It broke."
    again = read_failure(status, {}, body)
    assert (again.kind, again.field, again.retry_after_s) == (kind, "a.b", 2)
