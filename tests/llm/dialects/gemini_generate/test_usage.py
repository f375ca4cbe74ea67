from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import Usage
from sluicegate.llm.dialects.gemini_generate.usage import read_usage, usage_beside, write_usage
from sluicegate.llm.dialects.gemini_generate.wire import ModalityTokens, UsageMetadata


def test_thoughts_are_output_and_what_tools_said_is_input() -> None:
    said = UsageMetadata(
        prompt_token_count=10,
        tool_use_prompt_token_count=5,
        candidates_token_count=2,
        thoughts_token_count=6,
        cached_content_token_count=4,
        prompt_tokens_details=[ModalityTokens(modality="AUDIO", token_count=3)],
    )
    assert read_usage(said) == Usage(input=15, output=8, cached=4, reasoning=6, audio_input=3)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_tokens_read_as_they_were_written(prompt: int, answer: int, thoughts: int) -> None:
    usage = Usage(input=prompt, output=answer + thoughts, reasoning=thoughts)
    said = write_usage(usage)
    assert said["totalTokenCount"] == usage.total
    assert read_usage(msgspec.convert(said, UsageMetadata)) == usage


def test_what_there_is_no_field_for_stands_beside() -> None:
    assert usage_beside(Usage(cache_write=3, cache_write_1h=1)) == {
        "cache_write": 3,
        "cache_write_1h": 1,
    }


def test_sound_and_images_count_wherever_they_are() -> None:
    said = UsageMetadata(
        prompt_token_count=10,
        tool_use_prompt_token_count=9,
        candidates_token_count=20,
        prompt_tokens_details=[
            ModalityTokens(modality="TEXT", token_count=1),
            ModalityTokens(modality="IMAGE", token_count=4),
            ModalityTokens(modality="IMAGE", token_count=2),
            ModalityTokens(modality="VIDEO", token_count=3),
        ],
        tool_use_prompt_tokens_details=[
            ModalityTokens(modality="AUDIO", token_count=7),
            ModalityTokens(modality="IMAGE", token_count=2),
        ],
        candidates_tokens_details=[
            ModalityTokens(modality="AUDIO", token_count=5),
            ModalityTokens(modality="IMAGE", token_count=15),
        ],
    )
    assert read_usage(said) == Usage(
        input=19, output=20, audio_input=7, image_input=8, audio_output=5, image_output=15
    )
