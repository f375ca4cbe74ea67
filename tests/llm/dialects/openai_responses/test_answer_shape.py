"""Shapes of responses."""

from typing import get_args

from openai.types.responses import Response, ResponseOutputItem

from sluicegate.llm.dialects.openai_responses.answer_shape import EXTRAS, READ
from sluicegate.llm.dialects.openai_responses.answer_shape import Response as Shape


def test_fields_are_those_of_the_sdk_and_ours() -> None:
    assert set(Shape.__struct_fields__) - {"sluicegate"} <= set(Response.model_fields)
    assert set(EXTRAS) <= set(Shape.__struct_fields__)


def test_items_that_are_read_are_those_of_the_sdk() -> None:
    union = get_args(get_args(ResponseOutputItem)[0])
    assert {get_args(kind.model_fields["type"].annotation)[0] for kind in union} >= READ
