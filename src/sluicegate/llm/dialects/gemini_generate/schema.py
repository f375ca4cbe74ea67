"""Google's `Schema` (a subset of OpenAPI 3.0's) as JSON schema.

`types.py`, `Schema.json_schema` and `Schema.from_json_schema` say how; they leave out what they
have no field for, and this does not. Requests are written with `responseJsonSchema` and
`parametersJsonSchema`, which take JSON schema as it is, so there is no way back to be lossy.
"""

from __future__ import annotations

from typing import Any, Final

from sluicegate.llm.dialects.gemini_generate.spelling import camel
from sluicegate.llm.failure import invalid

PLAIN: Final = (
    "title",
    "description",
    "default",
    "pattern",
    "minimum",
    "maximum",
    "required",
    "additionalProperties",
)
COUNTS: Final = (
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
)
"""64-bit integers, which the JSON form of protocol buffers writes as strings."""
OTHERS: Final = frozenset(
    {
        "anyOf",
        "defs",
        "enum",
        "example",
        "format",
        "items",
        "nullable",
        "properties",
        "propertyOrdering",
        "ref",
        "type",
    }
)
MAX_DEPTH: Final = 64


def json_schema(schema: dict[str, Any], at: str, depth: int = 0) -> dict[str, Any]:
    """Return a Schema as JSON schema. Raises CallError: names a field that is not one of a Schema.

    `propertyOrdering` becomes the order of `properties`, which is what other dialects go by.
    """
    if depth > MAX_DEPTH:
        raise invalid(at, "nested too deeply")
    given = _given(schema, at)
    read: dict[str, Any] = {}
    _typed(given, read, at)
    read |= {name: given[name] for name in PLAIN if name in given}
    read |= {name: _count(given[name], f"{at}.{name}") for name in COUNTS if name in given}
    if "example" in given:
        read["examples"] = [given["example"]]
    if "ref" in given:
        read["$ref"] = str(given["ref"]).replace("#/defs/", "#/$defs/")
    _nested(given, read, at, depth + 1)
    if given.get("nullable"):
        _nullable(read)
    return read


def _given(schema: dict[str, Any], at: str) -> dict[str, Any]:
    """Return the fields of a Schema in one spelling."""
    given: dict[str, Any] = {}
    for name, value in schema.items():
        spelled = camel(name)
        if spelled not in PLAIN and spelled not in COUNTS and spelled not in OTHERS:
            raise invalid(f"{at}.{name}", "unknown field")
        if value is not None:
            given[spelled] = value
    return given


def _typed(given: dict[str, Any], read: dict[str, Any], at: str) -> None:
    kind = given.get("type")
    if kind is not None and not isinstance(kind, str):
        raise invalid(f"{at}.type", "expected `str`")
    if kind and kind != "TYPE_UNSPECIFIED":
        read["type"] = kind.lower()
    if "enum" in given:
        if not isinstance(given["enum"], list):
            raise invalid(f"{at}.enum", "expected `array`")
        read["enum"] = [_value(one, read.get("type")) for one in given["enum"]]
    if given.get("format", "enum") != "enum":
        read["format"] = given["format"]


def _value(one: object, kind: str | None) -> object:
    """Return a value of an enumeration, which a Schema writes as text even if it is a number."""
    if kind in {"integer", "number"} and isinstance(one, str):
        try:
            return int(one) if kind == "integer" else float(one)
        except ValueError:
            return one
    return one


def _count(value: object, at: str) -> int:
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if not isinstance(value, int):
        raise invalid(at, "expected `int`")
    return value


def _inner(value: object, at: str, depth: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(at, "expected `object`")
    return json_schema(value, at, depth)


def _named(value: object, at: str, depth: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(at, "expected `object`")
    return {name: _inner(one, f"{at}.{name}", depth) for name, one in value.items()}


def _nested(given: dict[str, Any], read: dict[str, Any], at: str, depth: int) -> None:
    if "items" in given:
        read["items"] = _inner(given["items"], f"{at}.items", depth)
    if "anyOf" in given:
        if not isinstance(given["anyOf"], list):
            raise invalid(f"{at}.anyOf", "expected `array`")
        read["anyOf"] = [
            _inner(one, f"{at}.anyOf[{index}]", depth) for index, one in enumerate(given["anyOf"])
        ]
    if "properties" in given:
        found = _named(given["properties"], f"{at}.properties", depth)
        order = given.get("propertyOrdering")
        listed = order if isinstance(order, list) else []
        first = [name for name in listed if isinstance(name, str) and name in found]
        read["properties"] = {name: found[name] for name in [*first, *found]}
    if "defs" in given:
        read["$defs"] = _named(given["defs"], f"{at}.defs", depth)
    if isinstance(read.get("additionalProperties"), dict):
        read["additionalProperties"] = _inner(
            read["additionalProperties"], f"{at}.additionalProperties", depth
        )


def _nullable(read: dict[str, Any]) -> None:
    """Let a JSON schema take null too."""
    if "type" in read:
        read["type"] = [read["type"], "null"]
        if "enum" in read and None not in read["enum"]:
            read["enum"].append(None)
    elif "anyOf" in read:
        read["anyOf"].append({"type": "null"})


def closed(schema: object, depth: int = 0) -> bool:
    """Whether a JSON schema may be strict elsewhere: all of it required, and nothing besides.

    platform.openai.com, "Structured outputs": "all fields must be required", and
    "additionalProperties: false must always be set in objects".
    """
    if isinstance(schema, list):
        return all(closed(one, depth) for one in schema)
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return depth <= MAX_DEPTH
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        whole = schema.get("type") != "object"
        properties = {}
    else:
        required = schema.get("required")
        whole = schema.get("additionalProperties") is False and isinstance(required, list)
        whole = whole and all(name in (required or ()) for name in properties)
    inner = [*properties.values(), schema.get("items"), schema.get("anyOf")]
    return whole and all(closed(one, depth + 1) for one in inner)
