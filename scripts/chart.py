"""Writes what the chart says twice: `values.schema.json` and the table of values in its README.

    python scripts/chart.py            write both
    python scripts/chart.py --check    exit with 1 where one is not what it would write

Both are drawn from `values.yaml`: a key's description stands above it after `# -- ` and goes on in
comment lines; `# @schema {…}` adds to what the default tells of its type. `config` is validated by
the gateway's own schema. Helm 3's validator knows draft 7, and both Helms use Go's regular
expressions: hence `definitions`, and no look-ahead.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from sluicegate.cli.schema import document_schema
from sluicegate.snapshot.policies import PolicyCatalog

CHART: Final = Path(__file__).parents[1] / "deploy/helm/sluicegate"
BELOW: Final = "<!-- What follows is written by scripts/chart.py. -->"
NOT_HERE: Final = ("description", "default", "examples", "title", "$schema", "$defs")
"""Of the gateway's schema: they do not decide, and its reference has them."""

Schema = dict[str, Any]

QUANTITY: Final = r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?"
BYTE: Final = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4: Final = rf"{BYTE}(\.{BYTE}){{3}}/([0-9]|[12][0-9]|3[0-2])"
IPV6: Final = r"[0-9a-fA-F:]*:[0-9a-fA-F:.]*/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8])"
SELECTOR: Final[Schema] = {
    "type": "object",
    "properties": {
        "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}},
        "matchExpressions": {"type": "array", "items": {"type": "object"}},
    },
    "additionalProperties": False,
}
DEFINITIONS: Final[Schema] = {
    "duration": {
        "type": ["string", "integer"],
        "pattern": r"^(0|[0-9]{1,6}(\.[0-9]{1,3})?(ms|s|m|h))$",
        "maximum": 0,
    },
    "quantity": {"type": ["string", "integer"], "pattern": f"^{QUANTITY}$", "minimum": 1},
    "quantityOrEmpty": {"type": ["string", "integer"], "pattern": f"^({QUANTITY})?$", "minimum": 1},
    "cidr": {"type": "string", "pattern": f"^({IPV4}|{IPV6})$"},
    "peer": {
        "type": "object",
        "minProperties": 1,
        "properties": {
            "podSelector": SELECTOR,
            "namespaceSelector": SELECTOR,
            "ipBlock": {
                "type": "object",
                "required": ["cidr"],
                "properties": {
                    "cidr": {"$ref": "#/definitions/cidr"},
                    "except": {"type": "array", "items": {"$ref": "#/definitions/cidr"}},
                },
                "additionalProperties": False,
            },
        },
        "additionalProperties": False,
    },
}


class Value:
    """One key of values.yaml: its place, what stands above it, and what it is."""

    def __init__(self, path: tuple[str, ...], comments: list[str], node: yaml.Node) -> None:
        """Read the comment. Raises ValueError where `@schema` is no mapping."""
        self.path, self.node = path, node
        self.default: Any = yaml.safe_load(yaml.serialize(node))
        said: list[str] = []
        self.told: Schema = {}
        for line in comments:
            if line.startswith("@schema "):
                self.told = yaml.safe_load(line.removeprefix("@schema "))
            elif line.startswith("-- "):
                said = [line.removeprefix("-- ")]
            elif said:
                said.append(line)
        self.description = " ".join(said)

    @property
    def name(self) -> str:
        """The path with dots."""
        return ".".join(self.path)

    def is_group(self) -> bool:
        """Say whether the keys below it are values of their own."""
        return isinstance(self.default, dict) and bool(self.default) and not self.told


def values_below(node: yaml.MappingNode, lines: list[str], path: tuple[str, ...]) -> list[Value]:
    """Return the values of a mapping, each with the comment lines right above it."""
    found = []
    for key, content in node.value:
        indent = " " * key.start_mark.column
        first = key.start_mark.line
        while first > 0 and lines[first - 1].startswith(f"{indent}# "):
            first -= 1
        comments = [line.removeprefix(f"{indent}# ") for line in lines[first : key.start_mark.line]]
        found.append(Value((*path, key.value), comments, content))
    return found


def inferred(value: Value) -> Schema:
    """Return the type that a default tells; a mapping without keys is one of texts."""
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    if isinstance(value.default, dict):
        return {"type": "object", "additionalProperties": {"type": "string"}}
    if isinstance(value.default, list):
        return {"type": "array", "items": {"type": "string"}}
    return {"type": kinds[type(value.default)]}


def schema_of(values: list[Value], lines: list[str]) -> Schema:
    """Return the closed object of these values, and of those below them."""
    properties: Schema = {}
    for value in values:
        if value.is_group():
            assert isinstance(value.node, yaml.MappingNode)
            made = schema_of(values_below(value.node, lines, value.path), lines)
        else:
            made = value.told if "$ref" in value.told else {**inferred(value), **value.told}
        properties[value.path[-1]] = {"description": value.description, **made}
        if not value.description:
            del properties[value.path[-1]]["description"]
    return {"type": "object", "properties": properties, "additionalProperties": False}


def for_go(pattern: str) -> Schema:
    """Return a pattern without look-ahead, which Go has not: what may not follow becomes a `not`.

    Raises ValueError where another kind of look-around is left.
    """
    plain = pattern.replace(r"$(?!\n)", "$")  # Go's `$` is the end of the text anyway
    refused = re.match(r"\^\(\?!([^()]*)\)", plain)
    if refused:
        plain = "^" + plain[refused.end() :]
    if "(?" in plain:
        raise ValueError(f"Helm's validators cannot read the pattern {pattern}")
    return {"pattern": plain, **({"not": {"pattern": f"^{refused[1]}"}} if refused else {})}


def bare(node: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Return a part of the gateway's schema as Helm's validators take it."""
    if isinstance(node, list):
        return [bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {}
    for key, content in node.items():
        if key == "pattern" and isinstance(content, str):
            made |= for_go(content)
        elif key == "$ref":
            made[key] = content.replace("#/$defs/", "#/definitions/gateway")
        elif key == "properties":
            made[key] = {name: bare(part) for name, part in content.items()}
        elif key not in NOT_HERE:
            made[key] = bare(content)
    return made


def values_schema(text: str) -> str:
    """Return `values.schema.json` for `values.yaml`: one line for each value and definition."""
    gateway = document_schema(PolicyCatalog())
    node = yaml.compose(text)
    assert isinstance(node, yaml.MappingNode)
    lines = text.splitlines()
    top = schema_of(values_below(node, lines, ()), lines)["properties"]
    needed = sorted(top)  # `null` takes a value away; templates look into each
    top["global"] = {"type": "object", "description": "Helm gives it to charts within charts."}
    definitions = dict(DEFINITIONS)
    definitions["application"] = bare(gateway)
    definitions |= {f"gateway{name}": bare(part) for name, part in gateway["$defs"].items()}
    head = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart sluicegate",
        "type": "object",
        "additionalProperties": False,
        "required": needed,
    }
    parts = [f'  "{key}": {json.dumps(content)}' for key, content in head.items()]
    for key, members in (("properties", top), ("definitions", definitions)):
        written = [f'    "{n}": {json.dumps(m, ensure_ascii=False)}' for n, m in members.items()]
        parts.append(f'  "{key}": {{\n' + ",\n".join(written) + "\n  }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def rows(values: list[Value], lines: list[str]) -> list[str]:
    """Return the table's rows: groups only where something is said of them."""
    made = []
    for value in values:
        default = f"`{json.dumps(value.default, ensure_ascii=False)}`"
        if not value.is_group() or value.description:
            shown = "" if value.is_group() else default
            choice = value.told.get("enum")
            choices = f" One of {', '.join(f'`{c}`' for c in choice)}." if choice else ""
            made.append(f"| `{value.name}` | {shown} | {(value.description + choices).strip()} |")
        if value.is_group():
            assert isinstance(value.node, yaml.MappingNode)
            made += rows(values_below(value.node, lines, value.path), lines)
    return made


def readme(before: str, text: str) -> str:
    """Return the README: what a person wrote, and the table of values below it."""
    node = yaml.compose(text)
    assert isinstance(node, yaml.MappingNode)
    lines = text.splitlines()
    table = ["| Value | Default | Meaning |", "| --- | --- | --- |"]
    table += rows(values_below(node, lines, ()), lines)
    return before.partition(BELOW)[0] + BELOW + "\n\n" + "\n".join(table) + "\n"


def main() -> int:
    """Write both files, or with `--check` say which are not current."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    table = CHART / "README.md"
    before = table.read_text(encoding="utf-8") if table.exists() else ""
    made = {CHART / "values.schema.json": values_schema(text), table: readme(before, text)}
    stale = [path for path, new in made.items() if not path.exists() or path.read_text() != new]
    for path in stale:
        print(f"{path.name} {'is not current' if '--check' in sys.argv else 'is written'}")
        if "--check" not in sys.argv:
            path.write_text(made[path], encoding="utf-8")
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
