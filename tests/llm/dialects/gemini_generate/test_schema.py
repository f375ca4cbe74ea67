from __future__ import annotations

from typing import Any

import pytest
from google.genai import types

from sluicegate.llm.dialects.gemini_generate.schema import closed, json_schema
from sluicegate.llm.failure import CallError

PERSON: dict[str, Any] = {
    "type": "OBJECT",
    "title": "Person",
    "properties": {
        "name": {"type": "STRING", "minLength": "1", "description": "Who."},
        "tags": {"type": "ARRAY", "items": {"type": "STRING"}, "max_items": 3},
        "size": {"type": "STRING", "format": "enum", "enum": ["S", "L"]},
        "age": {"type": "INTEGER", "nullable": True},
    },
    "required": ["name"],
}


def test_a_schema_is_what_the_sdk_makes_of_it() -> None:
    ours = json_schema(PERSON, "x")
    theirs = types.Schema.model_validate(PERSON).json_schema.model_dump(
        exclude_none=True, by_alias=True, mode="json"
    )
    # The SDK keeps `format: enum`, which JSON schema has not.
    theirs["properties"]["size"].pop("format")
    theirs["properties"]["age"]["type"].reverse()  # null first
    assert ours == theirs


def test_what_the_sdk_leaves_out_is_kept() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {"b": {"ref": "#/defs/B"}, "a": {"type": "NUMBER", "example": 1}},
        "property_ordering": ["a", "b"],
        "additionalProperties": False,
        "defs": {"B": {"anyOf": [{"type": "STRING"}], "nullable": True}},
    }
    read = json_schema(schema, "x")
    assert list(read["properties"]) == ["a", "b"]
    assert read["properties"]["b"] == {"$ref": "#/$defs/B"}
    assert read["properties"]["a"]["examples"] == [1]
    assert read["additionalProperties"] is False
    assert read["$defs"]["B"]["anyOf"] == [{"type": "string"}, {"type": "null"}]


def test_numbers_of_an_enumeration_are_numbers() -> None:
    assert json_schema({"type": "INTEGER", "enum": ["1", "2"]}, "x")["enum"] == [1, 2]


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ({"oneOf": []}, "x.oneOf"),
        ({"properties": {"a": {"odd": 1}}}, "x.properties.a.odd"),
        ({"items": 1}, "x.items"),
        ({"minItems": "many"}, "x.minItems"),
        ({"type": 1}, "x.type"),
    ],
)
def test_what_is_no_field_of_a_schema_is_named(schema: dict[str, Any], field: str) -> None:
    with pytest.raises(CallError) as caught:
        json_schema(schema, "x")
    assert caught.value.failure.field == field


def test_a_schema_nested_without_end_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100):
        schema = {"items": schema}
    with pytest.raises(CallError):
        json_schema(schema, "x")


def test_a_schema_is_closed_where_nothing_in_it_is_open() -> None:
    inner = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    outer = {**inner, "properties": {"a": inner}, "required": ["a"]}
    assert closed(outer)
    assert not closed({**outer, "required": []})
    assert not closed({**outer, "properties": {"a": {"type": "object"}}})
