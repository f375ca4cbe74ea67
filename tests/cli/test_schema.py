from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from sluicegate.cli import application
from sluicegate.cli.schema import document_schema, render, summary
from sluicegate.model.units import convert
from sluicegate.snapshot.document import Document
from sluicegate.snapshot.policies import PolicyCatalog


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return document_schema(PolicyCatalog(()))


def pieces(value: object) -> Iterator[dict[str, Any]]:
    """Give every mapping in a schema."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if _list(value) else ():
        yield from pieces(inner)


def _list(value: object) -> bool:
    return isinstance(value, list)


def test_the_command_prints_the_schema_as_json() -> None:
    result = CliRunner().invoke(application("schema"), ["schema"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["$schema"].startswith("https://json-schema.org/")
    assert json.loads(render(PolicyCatalog(()))) == json.loads(result.stdout)


def test_every_section_is_there_and_no_other_is_allowed(schema: dict[str, Any]) -> None:
    assert set(schema["properties"]) == set(Document.__struct_fields__)
    assert schema["additionalProperties"] is False


def test_every_policy_is_there_with_its_settings(schema: dict[str, Any]) -> None:
    policy = schema["$defs"]["Policy"]
    assert set(policy["properties"]) == set(PolicyCatalog(()).names())
    assert "allow" in policy["properties"]["rate_limit"]["required"]
    assert policy["maxProperties"] == 1


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    names = {piece["$ref"].removeprefix("#/$defs/") for piece in pieces(schema) if "$ref" in piece}
    assert names <= set(schema["$defs"])
    assert {"Policy", "Route", "Target"} <= names


def test_patterns_are_valid_and_defaults_obey_them(schema: dict[str, Any]) -> None:
    checked = 0
    for piece in pieces(schema):
        ways = piece.get("anyOf", [])
        patterns = [way["pattern"] for way in ways if "pattern" in way]
        if patterns and len(patterns) == len(ways) and isinstance(piece.get("default"), str):
            assert any(re.search(pattern, piece["default"]) for pattern in patterns), piece
            checked += 1
    assert checked >= 3


def test_an_editor_lets_references_stand_where_texts_are_bounded(schema: dict[str, Any]) -> None:
    value = schema["$defs"]["Key"]["properties"]["value"]
    ways = value["anyOf"][0]["anyOf"]
    assert ways == [{"minLength": 16}, {"pattern": r"\$\{"}]


def test_defaults_are_written_as_an_operator_writes_them(schema: dict[str, Any]) -> None:
    http = schema["$defs"]["Http"]["properties"]
    assert http["header_timeout"]["default"] == "10s"
    assert http["max_target"]["default"] == 8192
    written = {name: field["default"] for name, field in http.items()}
    assert convert({"gateway": {"http": written}}, Document) == Document()


def test_two_structs_of_one_name_are_told_apart() -> None:
    first = msgspec.defstruct("Same", [("a", int)], module="one.x")
    second = msgspec.defstruct("Same", [("b", int)], module="two.y")
    from sluicegate.cli.schema import _Drawing  # noqa: PLC0415 - only here

    drawing = _Drawing()
    both = msgspec.defstruct("Both", [("first", first), ("second", second)])
    drawing.draw(msgspec.inspect.type_info(both))
    assert set(drawing.parts) == {"Both", "Same", "y.Same"}


def test_a_summary_is_the_first_paragraph_on_one_line() -> None:
    assert summary("One\n    two.\n\n    Three.\n    ") == "One two."
