"""Callers' requests are read strictly: what is unknown or of a wrong type is named by its path.

The fast path is one typed decode. Only after it has failed is the body looked at again, which finds
where: msgspec (0.20, "Schema Evolution" and its errors) says `$.messages[...].role`, and a caller
with a hundred messages wants to know which. Time is linear in the body, but for one logarithm per
list on the way to the fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterator
from functools import cache
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import inspect

from sluicegate.llm.failure import CallError, invalid

T = TypeVar("T")
Put = Callable[[Any], None]

FAULT: Final = re.compile(r"(?P<what>.*?)(?: - at `(?:key in )?\$?(?P<path>[^`]*)`)?", re.DOTALL)
STEP: Final = re.compile(r"\[\.\.\.\]|\[(?P<index>\d+)\]|\.?(?P<name>[^.\[]+)")
FIELD: Final = re.compile(
    r"Object (?:contains unknown|missing required) field `(?P<field>[^`]*)`", re.DOTALL
)
QUOTED: Final = re.compile(r"(Invalid (?:enum )?value) .*", re.DOTALL)
NO_JSON: Final = "the body is not valid JSON"


def read_strict(
    decoder: msgspec.json.Decoder[T],
    body: bytes,
    drop: bool = False,  # noqa: FBT001, FBT002 - the one choice there is
) -> tuple[T, list[str]]:
    """Decode a request, and the paths of the unknown fields that were left out (only with `drop`).

    `decoder` is of a Struct that forbids unknown fields, as do those inside of it. Raises CallError
    that names the first unknown field, or the first fault as `messages[2].content[0].type`.
    """
    try:
        return decoder.decode(body), []
    except msgspec.ValidationError:
        return _read_again(decoder, body, drop=drop)
    except (ValueError, RecursionError):
        raise invalid("", NO_JSON) from None


def _read_again(
    decoder: msgspec.json.Decoder[T], body: bytes, *, drop: bool
) -> tuple[T, list[str]]:
    try:
        plain = _plain(body)
        unknown = list(_unknown(_type_of(decoder), plain, ""))
        if unknown and not drop:  # the first, as it stands in the body
            raise invalid(unknown[0][0], "unknown field")
        for _, owner, name in unknown:
            del owner[name]
        return decoder.decode(json.dumps(plain).encode()), [path for path, _, _ in unknown]
    except msgspec.ValidationError as error:
        raise _named(decoder, plain, error) from None
    except (ValueError, RecursionError):
        raise invalid("", NO_JSON) from None


def _plain(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError:
        raise invalid("", "a number of the body is out of range") from None


# --- unknown fields ------------------------------------------------------------------------------


@cache
def _info(shape: Hashable) -> inspect.Type:
    return inspect.type_info(shape)


def _type_of(decoder: msgspec.json.Decoder[Any]) -> inspect.Type:
    return _info(cast("Hashable", decoder.type))


def _unknown(
    shape: inspect.Type, value: object, path: str
) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield (path, object that holds it, name) of every field that no type knows."""
    if isinstance(shape, inspect.UnionType):
        shape = _chosen(shape, value)
    if isinstance(shape, inspect.ListType) and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unknown(shape.item_type, inner, f"{path}[{index}]")
    elif isinstance(shape, inspect.DictType) and isinstance(value, dict):
        for name, inner in value.items():
            yield from _unknown(shape.value_type, inner, f"{path}.{name}")
    elif isinstance(shape, inspect.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in shape.fields}
        for name, inner in value.items():
            below = f"{path}.{name}" if path else name
            if name in fields:
                yield from _unknown(fields[name], inner, below)
            elif shape.forbid_unknown_fields and name != shape.tag_field:
                yield below, value, name


def _chosen(union: inspect.UnionType, value: object) -> inspect.Type:
    """Return the type of a union that a value is of; the union where nothing can be unknown."""
    for shape in union.types:
        if isinstance(shape, inspect.StructType) and isinstance(value, dict):
            if shape.tag_field is None or value.get(shape.tag_field) == shape.tag:
                return shape
        elif isinstance(shape, inspect.DictType | inspect.ListType) and isinstance(
            value, dict if isinstance(shape, inspect.DictType) else list
        ):
            return shape
    return union


# --- where a fault is ----------------------------------------------------------------------------


def _parted(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return what is wrong, and msgspec's path without its `$`."""
    found = FAULT.fullmatch(str(error))
    if found is None:  # pragma: no cover - the pattern takes any text
        return "", ""
    return found["what"], found["path"] or ""


def _named(
    decoder: msgspec.json.Decoder[Any], plain: object, error: msgspec.ValidationError
) -> CallError:
    """Return the error with the indices that msgspec leaves out. Changes `plain`."""
    what, path = _parted(error)
    name = _located(decoder, plain, path)
    field = FIELD.fullmatch(what)
    if field is not None:
        name = f"{name}.{field['field']}" if name else field["field"]
        return invalid(name, "missing" if "missing" in what else "unknown field")
    # The value may be part of a prompt.
    what = QUOTED.sub(r"\1", what)
    return invalid(name, what[:1].lower() + what[1:])


def _located(decoder: msgspec.json.Decoder[Any], plain: object, path: str) -> str:
    """Walk msgspec's path; at each `[...]`, halve what is there until the faulty one is left."""
    root = [plain]
    here: Any = plain
    put: Put = _putter(root, 0)
    name, walked = "", ""
    for step in STEP.finditer(path):
        walked += step[0]
        if step["name"] is not None:
            key = step["name"]
            if not isinstance(here, dict) or key not in here:
                return name  # a path that this does not understand: named as far as it is known
            name = f"{name}.{key}" if name else key
            put, here = _putter(here, key), here[key]
            continue
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        index = _first_faulty(
            lambda: decoder.decode(json.dumps(root[0]).encode()), here, put, walked
        )
        key = keys[index]
        name += f".{key}" if isinstance(here, dict) else f"[{key}]"
        # It alone stays, so that msgspec's path is of nothing else.
        inner = here[key]
        alone: Any = {key: inner} if isinstance(here, dict) else [inner]
        put(alone)
        put, here = _putter(alone, key if isinstance(here, dict) else 0), inner
    return name


def _putter(owner: Any, key: Any) -> Put:  # noqa: ANN401 - a list or dict of plain data
    def put(value: Any) -> None:  # noqa: ANN401 - same
        owner[key] = value

    return put


def _first_faulty(decode: Callable[[], object], here: Any, put: Put, walked: str) -> int:  # noqa: ANN401 - same
    """Return the index of the first item of `here` of which `decode` says that it is faulty."""
    items = list(here.items()) if isinstance(here, dict) else here
    low, high = 1, len(items)  # the first `high` items hold the fault
    while low < high:
        middle = (low + high) // 2
        put(dict(items[:middle]) if isinstance(here, dict) else items[:middle])
        if _faulty_at(decode, walked):
            high = middle
        else:
            low = middle + 1
    return high - 1


def _faulty_at(decode: Callable[[], object], walked: str) -> bool:
    try:
        decode()
    except msgspec.ValidationError as error:
        return _parted(error)[1].startswith(walked)
    return False
