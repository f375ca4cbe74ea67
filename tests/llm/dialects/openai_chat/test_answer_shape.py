from __future__ import annotations

import msgspec
import pytest
from openai.types import CompletionUsage

from sluicegate.llm.canonical import Usage
from sluicegate.llm.dialects.openai_chat.answer_shape import UsageShape, usage_of, usage_shaped


def test_usage_is_read_as_it_was_written() -> None:
    usage = Usage(
        input=1000,
        output=20,
        cached=800,
        cache_write=100,
        cache_write_1h=50,
        reasoning=6,
        audio_input=1,
        audio_output=2,
    )
    shaped = usage_shaped(usage)
    assert usage_of(msgspec.convert(shaped, UsageShape)) == usage
    assert CompletionUsage.model_validate(shaped, strict=True).total_tokens == 1020


@pytest.mark.parametrize(
    ("shaped", "usage"),
    [
        ({}, Usage()),
        ({"prompt_tokens": 5, "completion_tokens": None}, Usage(input=5)),
        ({"prompt_tokens": 5, "prompt_cache_hit_tokens": 3}, Usage(input=5, cached=3)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 2,
                "total_tokens": 17,
                "completion_tokens_details": {"reasoning_tokens": 10},
            },
            Usage(input=5, output=12, reasoning=10),
        ),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 12,
                "total_tokens": 17,
                "completion_tokens_details": {"reasoning_tokens": 10},
            },
            Usage(input=5, output=12, reasoning=10),
        ),
    ],
)
def test_what_vendors_count_otherwise_is_counted_alike(
    shaped: dict[str, object], usage: Usage
) -> None:
    assert usage_of(msgspec.convert(shaped, UsageShape)) == usage
