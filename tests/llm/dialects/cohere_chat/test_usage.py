from __future__ import annotations

from typing import get_args

import cohere
import pytest

from sluicegate.llm import canonical
from sluicegate.llm.dialects.cohere_chat.usage import (
    FAILED,
    STOPS,
    Tokens,
    Usage,
    failed,
    read_stop,
    read_usage,
    unsaid,
    write_stop,
    write_usage,
)
from sluicegate.llm.failure import Malformed


def test_every_reason_of_the_sdk_is_known() -> None:
    words = {word for part in get_args(cohere.ChatFinishReason) for word in get_args(part)}
    assert words
    assert words <= set(STOPS) | set(FAILED)


@pytest.mark.parametrize("word", STOPS)
def test_reasons_come_back(word: str) -> None:
    assert write_stop(read_stop(word)) == word


@pytest.mark.parametrize("word", FAILED)
def test_a_failure_is_no_stop(word: str) -> None:
    assert failed(word) is not None
    with pytest.raises(Malformed):
        read_stop(word)


def test_a_reason_of_later_versions_is_an_end_with_its_word() -> None:
    assert read_stop("TIRED") == canonical.Stop(reason="end", detail="TIRED")
    assert failed("TIRED") is None


def test_what_is_paid_counts_and_what_the_model_saw_where_nothing_else_is_said() -> None:
    units: dict[str, float | None] = {"input_tokens": 1.0, "output_tokens": 2.0}
    seen = Usage(tokens=Tokens(5.0, 6.0), billed_units=units)
    assert read_usage(seen) == canonical.Usage(input=1, output=2)
    assert (unsaid(seen) or {})["tokens"] == {"input_tokens": 5.0, "output_tokens": 6.0}
    for only in (Usage(billed_units=units), Usage(tokens=Tokens(1.0, 2.0))):
        assert read_usage(only) == canonical.Usage(input=1, output=2)
        assert unsaid(only) is None
    searched = Usage(tokens=Tokens(5.0, 6.0), billed_units={"search_units": 1.0})
    assert read_usage(searched) == canonical.Usage(input=5, output=6)
    assert read_usage(None) is None
    assert read_usage(Usage()) is None


def test_no_tokens_are_zero() -> None:
    assert write_usage(None)["tokens"] == {"input_tokens": 0, "output_tokens": 0}
