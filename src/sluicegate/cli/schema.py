"""`sluicegate schema`: the JSON Schema of `application.yml`, for editors.

Drawn here rather than with `msgspec.json.schema`, which knows neither the policies behind a name
nor how to write the default of a duration or a size.
"""

from __future__ import annotations

import inspect as python
from typing import TYPE_CHECKING, Any

import msgspec
import typer
from msgspec import NODEFAULT, UNSET, inspect

from sluicegate.model import units
from sluicegate.snapshot.document import Document
from sluicegate.snapshot.faults import LISTS, bare
from sluicegate.snapshot.policies import PolicyCatalog

if TYPE_CHECKING:
    from collections.abc import Iterable

DIALECT = "https://json-schema.org/draft/2020-12/schema"

REFERENCE = {"pattern": r"\$\{"}

Schema = dict[str, Any]


def schema() -> None:
    """Print the JSON Schema of the configuration, with every policy that is installed."""
    typer.echo(render(PolicyCatalog()), nl=False)


def render(catalog: PolicyCatalog) -> str:
    """Return the schema as indented JSON."""
    raw = msgspec.json.encode(document_schema(catalog))
    return msgspec.json.format(raw, indent=2).decode() + "\n"


def document_schema(catalog: PolicyCatalog) -> Schema:
    """Describe a document, with the settings of every policy of the catalog."""
    drawing = _Drawing()
    root = drawing.struct(inspect.type_info(Document))
    policies = {}
    for name in catalog.names():
        kind = catalog.find(name)
        config = drawing.struct(inspect.type_info(kind.config))
        policies[name] = {**config, "description": summary(kind.meaning)}
    drawing.parts["Policy"] = {
        "description": "One policy: its name and its settings.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": policies,
    }
    root["description"] = summary(Document.__doc__ or "")
    return {"$schema": DIALECT, "title": "Sluicegate", **root, "$defs": drawing.parts}


def summary(text: str) -> str:
    """Return the first paragraph of a docstring as one line."""
    return " ".join(python.cleandoc(text).split("\n\n")[0].split())


def default_of(field: inspect.Field) -> Any:  # noqa: ANN401 - any default
    """Return a field's default as plain data; NODEFAULT where there is none to show."""
    value = field.default
    if value is NODEFAULT and field.default_factory is not NODEFAULT:
        value = field.default_factory()
    if value is NODEFAULT or value is UNSET:
        return NODEFAULT
    return msgspec.to_builtins(value, enc_hook=units.encode_hook, order="deterministic")


def is_policy_use(kind: inspect.Type) -> bool:
    """Whether a type is `PolicyUse`: one entry, whose value only the catalog knows."""
    return (
        isinstance(kind, inspect.DictType)
        and isinstance(kind.value_type, inspect.AnyType)
        and kind.max_length == 1
    )


class _Drawing:
    """Draws types; structs other than the outermost go to `parts` and are referred to."""

    def __init__(self) -> None:
        self.parts: dict[str, Schema] = {}
        self._classes: dict[str, type] = {}

    def _name(self, kind: type) -> str:
        """Return the class's name, with its module's where another class has it."""
        name = kind.__name__
        if self._classes.setdefault(name, kind) is not kind:
            name = f"{kind.__module__.rpartition('.')[2]}.{name}"
        return name

    def draw(self, kind: inspect.Type) -> Schema:
        if isinstance(kind, inspect.Metadata):
            return {**self.draw(kind.type), **(kind.extra_json_schema or {})}
        if is_policy_use(kind):
            return {"$ref": "#/$defs/Policy"}
        if isinstance(kind, inspect.StructType):
            name = self._name(kind.cls)
            if name not in self.parts:
                self.parts[name] = self.struct(kind)
            return {"$ref": f"#/$defs/{name}"}
        return self._union(kind.types) if isinstance(kind, inspect.UnionType) else self._plain(kind)

    def struct(self, kind: inspect.Type) -> Schema:
        if not isinstance(kind, inspect.StructType):
            raise TypeError(f"{kind} is not a struct")
        properties = {}
        for field in kind.fields:
            drawn, default = self.draw(field.type), default_of(field)
            group = isinstance(bare(field.type), inspect.StructType)
            if default is not NODEFAULT and default is not None and not group:
                drawn = {**drawn, "default": default}
            properties[field.encode_name] = drawn
        required = [field.encode_name for field in kind.fields if field.required]
        return {
            "description": summary(kind.cls.__doc__ or ""),
            "type": "object",
            "properties": properties,
            **({"required": required} if required else {}),
            "additionalProperties": not kind.forbid_unknown_fields,
        }

    def _union(self, kinds: Iterable[inspect.Type]) -> Schema:
        drawn = [self.draw(kind) for kind in kinds if not isinstance(kind, inspect.NoneType)]
        if any(isinstance(kind, inspect.NoneType) for kind in kinds):
            drawn.append({"type": "null"})
        return drawn[0] if len(drawn) == 1 else {"anyOf": drawn}

    def _plain(self, kind: inspect.Type) -> Schema:
        if isinstance(kind, LISTS):
            bounds = {"minItems": kind.min_length, "maxItems": kind.max_length}
            return _given({"type": "array", "items": self.draw(kind.item_type), **bounds})
        if isinstance(kind, inspect.DictType):
            names, values = self.draw(kind.key_type), self.draw(kind.value_type)
            drawn = {"type": "object", "additionalProperties": values}
            # A bare `{"type": "string"}` says nothing: names are always text.
            return drawn if len(names) == 1 else {**drawn, "propertyNames": names}
        return _scalar(kind)


def _scalar(kind: inspect.Type) -> Schema:
    if isinstance(kind, inspect.LiteralType):
        return {"enum": list(kind.values)}
    if isinstance(kind, inspect.CustomType):
        return units.schema_hook(kind.cls)
    if isinstance(kind, inspect.StrType):
        bounds = {"minLength": kind.min_length, "maxLength": kind.max_length}
        drawn = _given({"pattern": kind.pattern, **bounds})
        # What a reference stands for is held to the bounds, not the reference itself.
        return {"type": "string", **({"anyOf": [drawn, REFERENCE]} if drawn else {})}
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        drawn = {"type": "integer" if isinstance(kind, inspect.IntType) else "number"}
        low, high = {"minimum": kind.ge, "exclusiveMinimum": kind.gt}, {"maximum": kind.le}
        return _given({**drawn, **low, **high, "exclusiveMaximum": kind.lt})
    return {"type": "boolean"} if isinstance(kind, inspect.BoolType) else {}


def _given(entries: dict[str, Any]) -> Schema:
    return {name: value for name, value in entries.items() if value is not None}
