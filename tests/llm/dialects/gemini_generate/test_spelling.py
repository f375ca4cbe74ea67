from __future__ import annotations

import msgspec
import pytest

from sluicegate.llm.dialects.gemini_generate import wire
from sluicegate.llm.dialects.gemini_generate.spelling import camel, read_spelled
from sluicegate.llm.failure import CallError

DECODER = msgspec.json.Decoder(wire.Request)


def test_both_spellings_are_the_same_field() -> None:
    body = b"""{"contents": {"parts": {"inline_data": {"mime_type": "image/png", "data": ""}}},
        "generation_config": {"max_output_tokens": 4}}"""
    read, dropped = read_spelled(DECODER, body, drop=False)
    assert not dropped
    assert read.generation_config is not None
    assert read.generation_config.max_output_tokens == 4


def test_names_within_arguments_are_not_touched() -> None:
    body = b"""{"contents": [{"parts": [{"function_call":
        {"name": "f", "args": {"snake_case": {"max_output_tokens": 1}}}}]}]}"""
    read, _ = read_spelled(DECODER, body, drop=False)
    assert isinstance(read.contents, list)
    parts = read.contents[0].parts
    assert isinstance(parts, list)
    assert parts[0].function_call is not None
    assert parts[0].function_call.args == {"snake_case": {"max_output_tokens": 1}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"contents": [], "generation_config": {"top_p": "x"}}', "generation_config.top_p"),
        (b'{"contents": [], "generationConfig": {"topP": "x"}}', "generationConfig.topP"),
        (b'{"contents": [], "generation_config": {"odd_one": 1}}', "generation_config.odd_one"),
        (b'{"contents": [], "tool_config": {}, "toolConfig": {}}', "tool_config"),
        (b"[]", ""),
        (b"{", ""),
        (b"\xff", ""),
    ],
)
def test_an_error_names_what_the_caller_wrote(body: bytes, field: str) -> None:
    with pytest.raises(CallError) as caught:
        read_spelled(DECODER, body, drop=False)
    assert (caught.value.failure.field or "") == field


def test_what_is_dropped_is_named_as_the_caller_wrote_it() -> None:
    body = b'{"contents": [], "generation_config": {"odd": 1}}'
    assert read_spelled(DECODER, body, drop=True)[1] == ["generation_config.odd"]


def test_camel_case_is_that_of_protocol_buffers() -> None:
    assert camel("enable_enhanced_civic_answers") == "enableEnhancedCivicAnswers"
    assert camel("topK") == "topK"
