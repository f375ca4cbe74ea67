from __future__ import annotations

import msgspec
import pytest

from sluicegate.llm.dialects.gemini_generate import wire


def test_every_field_of_the_sdks_part_is_known() -> None:
    from google.genai import types  # noqa: PLC0415 - only this test compares

    assert set(types.Part.model_fields) == set(wire.Part.__struct_fields__)
    assert set(types.Tool.model_fields) == set(wire.Tool.__struct_fields__)
    assert set(types.FunctionCall.model_fields) == set(wire.FunctionCall.__struct_fields__)
    assert set(types.FunctionResponse.model_fields) == set(wire.FunctionResponse.__struct_fields__)
    config = set(types.GenerationConfig.model_fields) - {"model_selection_config"}
    assert config - set(wire.GenerationConfig.__struct_fields__) == set()


def test_a_request_with_an_unknown_field_is_refused_and_an_answer_is_not() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"contents": [], "odd": 1}', type=wire.Request)
    assert msgspec.json.decode(b'{"odd": 1}', type=wire.Answer).candidates is None
