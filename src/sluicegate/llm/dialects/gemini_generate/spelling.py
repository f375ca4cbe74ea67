"""Requests in either spelling: `generationConfig` and `generation_config` are the same field.

The JSON form of protocol buffers takes both (protobuf.dev, "ProtoJSON Format": "Parsers accept
both the lowerCamelCase name … and the original proto field name"), and python-genai sends a
mixture: `inlineData: {mime_type}`, `thinkingConfig: {include_thoughts}`. Names within what is free
(arguments, schemas) are not touched.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import inspect

from sluicegate.llm.failure import CallError, invalid
from sluicegate.llm.strict import read_strict

T = TypeVar("T")


def read_spelled(
    decoder: msgspec.json.Decoder[T], body: bytes, *, drop: bool
) -> tuple[T, list[str]]:
    """Read as `read_strict` does, names in either spelling. Errors name what the caller wrote."""
    try:
        return decoder.decode(body), []
    except msgspec.ValidationError:
        pass
    except (ValueError, RecursionError):
        return read_strict(decoder, body, drop)
    try:
        plain = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # a number out of range
        return read_strict(decoder, body, drop)
    written: dict[str, str] = {}
    plain = _camelled(_info(cast("Hashable", decoder.type)), plain, ("", ""), written)
    try:
        read, dropped = read_strict(decoder, msgspec.json.encode(plain) if written else body, drop)
    except CallError as error:
        failure = error.failure
        named = failure.field or ""
        message = failure.message.removeprefix(f"`{named}`: ")
        raise invalid(_as_written(named, written), message) from None
    return read, [_as_written(path, written) for path in dropped]


def camel(name: str) -> str:
    """Return a name in camelCase, as protocol buffers do."""
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


FREE: Final = inspect.AnyType()


@cache
def _info(shape: Hashable) -> inspect.Type:
    return inspect.type_info(shape)


def _camelled(
    shape: inspect.Type,
    value: Any,  # noqa: ANN401 - plain data
    path: tuple[str, str],
    written: dict[str, str],
) -> Any:  # noqa: ANN401 - same
    """Return plain data with the names that `shape` knows; `path` is (in them, as written)."""
    ours, theirs = path
    if isinstance(value, list):
        item = _of(shape, inspect.ListType)
        inner = FREE if item is None else cast("inspect.ListType", item).item_type
        return [
            _camelled(inner, one, (f"{ours}[{at}]", f"{theirs}[{at}]"), written)
            for at, one in enumerate(value)
        ]
    struct = _of(shape, inspect.StructType)
    if not isinstance(value, dict) or struct is None:
        return value
    fields = {f.encode_name: f.type for f in cast("inspect.StructType", struct).fields}
    found: dict[str, Any] = {}
    for name, one in value.items():
        spelled = name if name in fields else camel(name)
        if spelled not in fields or (spelled != name and spelled in value):
            found[name] = one
            continue
        below = (f"{ours}.{spelled}".lstrip("."), f"{theirs}.{name}".lstrip("."))
        if spelled != name:
            written[below[0]] = below[1]
        found[spelled] = _camelled(fields[spelled], one, below, written)
    return found


def _of(shape: inspect.Type, kind: type[inspect.Type]) -> inspect.Type | None:
    """Return the member of a union that is of a kind, or the type itself."""
    of = shape.types if isinstance(shape, inspect.UnionType) else (shape,)
    return next((one for one in of if isinstance(one, kind)), None)


def _as_written(path: str, written: dict[str, str]) -> str:
    """Return a path as the caller wrote it: the longest part of it that was spelled otherwise."""
    for ours in sorted(written, key=len, reverse=True):
        if path == ours or path.startswith((f"{ours}.", f"{ours}[")):
            return written[ours] + path[len(ours) :]
    return path
