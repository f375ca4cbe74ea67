from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.dialects.cohere_chat.failures import (
    read_failure,
    read_streamed,
    write_failure,
)
from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.statuses import STATUS


@given(st.integers(300, 600), st.binary(max_size=60), st.binary(max_size=60))
def test_anything_can_be_classified(status: int, header: bytes, body: bytes) -> None:
    failure = read_failure(status, {b"retry-after": header}, body)
    assert STATUS[failure.kind] == failure.status


def test_a_prompt_that_is_too_long_is_known_by_the_first_words_alone() -> None:
    long = b'{"message":"too many tokens: total number of tokens"}'
    assert read_failure(400, {}, long).kind == "context_length"
    quoted = b'{"message":"invalid tool `too many tokens: x`"}'
    assert read_failure(400, {}, quoted).kind == "invalid_request"


@pytest.mark.parametrize("status", [401, 403, 498])
def test_what_is_said_about_keys_is_not_passed_on(status: int) -> None:
    assert "SECRET" not in read_failure(status, {}, b'{"message":"key SECRET"}').message


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_failure_can_be_written(kind: Kind) -> None:
    failure = Failure(kind=kind, status=500, message="So it is.")
    assert json.loads(write_failure(failure, "r")) == {"id": "r", "message": "So it is."}


def test_what_a_stream_says_is_the_servers_fault() -> None:
    assert read_streamed("It broke.").message == "It broke."
    assert read_streamed("").kind == "server_error"
