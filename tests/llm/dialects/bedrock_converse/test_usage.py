from __future__ import annotations

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm import canonical
from sluicegate.llm.dialects.bedrock_converse.usage import (
    BROKEN,
    STOPS,
    read_stop,
    read_usage,
    write_stop,
    write_usage,
)
from sluicegate.llm.failure import Malformed

COUNTS = st.integers(0, 10_000)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_tokens_come_back(fresh: int, cached: int, short: int, long: int, output: int) -> None:
    usage = canonical.Usage(
        input=fresh + cached + short + long,
        output=output,
        cached=cached,
        cache_write=short + long,
        cache_write_1h=long,
    )
    written = write_usage(usage)
    assert written.input_tokens == fresh
    assert written.total_tokens == usage.total
    assert read_usage(written, None) == usage


def test_no_tokens_are_zero() -> None:
    assert write_usage(None).total_tokens == 0


def test_every_reason_of_the_official_model_is_known() -> None:
    model = botocore.session.Session().get_service_model("bedrock-runtime")
    assert set(model.shape_for("StopReason").enum) == set(STOPS) | BROKEN


@pytest.mark.parametrize("word", STOPS)
def test_reasons_come_back(word: str) -> None:
    assert write_stop(read_stop(word, None)) == word


@pytest.mark.parametrize("word", sorted(BROKEN))
def test_an_answer_that_bedrock_calls_malformed_is(word: str) -> None:
    with pytest.raises(Malformed):
        read_stop(word, None)


def test_a_reason_of_later_versions_is_an_end_with_its_word() -> None:
    assert read_stop("tired", None) == canonical.Stop(reason="end", detail="tired")
