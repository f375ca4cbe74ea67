"""Shapes of requests, compared with those of the SDK."""

from typing import Any, get_args, get_type_hints

from openai.types.responses import ToolParam
from openai.types.responses.function_tool_param import FunctionToolParam
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from openai.types.responses.response_input_item_param import ResponseInputItemParam

from sluicegate.llm.dialects.openai_responses import call_shape as shape


def types_of(union: Any) -> set[str]:
    """Return the values of `type` of some TypedDicts."""
    found: set[str] = set()
    for each in get_args(union):
        hint: Any = get_type_hints(each).get("type")
        while get_args(hint) and not isinstance(get_args(hint)[0], str):
            hint = get_args(hint)[0]
        found |= set(get_args(hint))
    return found


def test_every_field_of_a_call_is_known() -> None:
    theirs = set(get_type_hints(ResponseCreateParamsNonStreaming))
    assert set(shape.Call.__struct_fields__) == theirs
    assert set(shape.ALONE) <= theirs


def test_every_type_of_item_is_known_and_no_other() -> None:
    assert types_of(ResponseInputItemParam) == {*shape.ITEMS, *shape.OPAQUE}
    assert not set(shape.ITEMS) & shape.OPAQUE


def test_every_field_of_a_function_is_known() -> None:
    assert set(shape.FunctionTool.__struct_encode_fields__) == set(
        get_type_hints(FunctionToolParam)
    )
    assert "function" in types_of(ToolParam)
