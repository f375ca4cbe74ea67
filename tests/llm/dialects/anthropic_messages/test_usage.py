from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import Usage
from sluicegate.llm.dialects.anthropic_messages.usage import (
    CacheCreation,
    UsageIn,
    counts_of,
    usage_of,
)


def test_input_is_the_sum_of_what_the_caches_read_wrote_and_never_saw() -> None:
    counts = UsageIn(
        input_tokens=100,
        cache_creation_input_tokens=100,
        cache_read_input_tokens=800,
        cache_creation=CacheCreation(ephemeral_1h_input_tokens=40),
        output_tokens=5,
    )
    assert usage_of(counts) == Usage(
        input=1000, cached=800, cache_write=100, cache_write_1h=40, output=5
    )


def test_later_counts_replace_earlier_ones_and_absent_ones_do_not() -> None:
    later = UsageIn(output_tokens=9).over(UsageIn(input_tokens=12, output_tokens=1))
    assert (later.input_tokens, later.output_tokens) == (12, 9)


def test_where_nobody_said_the_counts_are_zero() -> None:
    assert counts_of(None)["input_tokens"] == 0
    assert usage_of(UsageIn()) == Usage()


@given(*[st.integers(0, 10**6)] * 6)
def test_counts_that_were_written_are_read_again(
    rest: int, cached: int, written: int, kept: int, said: int, thought: int
) -> None:
    usage = Usage(
        input=rest + cached + written,
        cached=cached,
        cache_write=written,
        cache_write_1h=min(kept, written),
        output=said + thought,
        reasoning=thought,
    )
    assert usage_of(msgspec.convert(counts_of(usage), UsageIn)) == usage
