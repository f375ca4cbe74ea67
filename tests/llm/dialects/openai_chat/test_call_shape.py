from __future__ import annotations

from typing import get_type_hints

from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from sluicegate.llm.dialects.openai_chat.call_shape import EXTRAS, ChatCall

ADDED = {"stream", "thinking", "top_k", "min_p"}


def test_every_field_of_the_official_type_is_known_and_no_other() -> None:
    official = set(get_type_hints(CompletionCreateParamsBase))
    assert set(ChatCall.__struct_fields__) == official | ADDED
    assert set(EXTRAS) < official
