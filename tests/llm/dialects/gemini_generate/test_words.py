from __future__ import annotations

import pytest
from google.genai import types

from sluicegate.llm.canonical import Request, Stop
from sluicegate.llm.dialects.gemini_generate.words import (
    FIELDS,
    FILTERED,
    read_stop,
    says_all,
    write_stop,
)


def test_every_end_that_the_sdk_knows_is_read() -> None:
    good = {"STOP", "MAX_TOKENS", "CONTINUATION"}
    for reason in types.FinishReason:
        stop = read_stop(reason.value, calls=False)
        assert (stop.reason == "content_filter") == (reason.value not in good)
    assert {reason.value for reason in types.FinishReason} >= FILTERED


def test_a_stop_with_calls_is_for_them() -> None:
    assert read_stop("STOP", calls=True) == Stop(reason="tool_calls")


@pytest.mark.parametrize(
    ("stop", "word", "all_of_it"),
    [
        (Stop(reason="end"), "STOP", True),
        (Stop(reason="stop_sequence", sequence="END"), "STOP", False),
        (Stop(reason="length"), "MAX_TOKENS", True),
        (Stop(reason="content_filter", detail="RECITATION"), "RECITATION", True),
        (Stop(reason="content_filter", detail="odd"), "SAFETY", False),
        (Stop(reason="refusal"), "SAFETY", False),
        (Stop(reason="pause"), "OTHER", False),
    ],
)
def test_ends_are_written(stop: Stop, word: str, all_of_it: bool) -> None:  # noqa: FBT001 - a table
    assert write_stop(stop) == word
    assert types.FinishReason(word)
    assert says_all(stop) == all_of_it


def test_names_are_of_fields_that_there_are() -> None:
    assert set(FIELDS) <= set(Request.__struct_fields__)
