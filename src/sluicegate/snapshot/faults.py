"""Finds everything that is wrong with a piece of data, where a converter stops at the first.

Walks data and the description of its type side by side (`msgspec.inspect`). It runs only on what
could not be converted, so it may take its time; what it accepts and the converter does not is
reported in the converter's words.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import inspect

from sluicegate.model import units
from sluicegate.model.resource import FieldFault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sluicegate.errors import Fault
    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place

LISTS = (inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType)
"""What is written as a list."""
Lengthy = (
    inspect.StrType
    | inspect.DictType
    | inspect.ListType
    | inspect.SetType
    | inspect.FrozenSetType
    | inspect.VarTupleType
)
COMPARED = 500
DESCRIBED = 256
"""Classes whose description is remembered."""
_BOUNDS = (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than"))
_BARE_WORDS = {True: "`true`, `yes` or `on`", False: "`false`, `no` or `off`"}
_BARE_WORD = re.compile("text|`(on|off|yes|no)`")
"""In what was expected: a value may have been meant that YAML takes for a boolean."""


def hint(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` where something known is much like `name`.

    It takes its time, so that only the first COMPARED names are looked at.
    """
    close = get_close_matches(name, list(islice(known, COMPARED)), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


def convert_or_explain(draft: Draft, place: Place, value: Any, kind: Any) -> Any:  # noqa: ANN401 - any type
    """Build `kind` from plain data; return None after complaining about every fault in it."""
    try:
        return units.convert(value, kind)
    except msgspec.ValidationError as error:
        before = len(draft.faults)
        _Walker(draft).walk(place, value, _described(kind))
        if len(draft.faults) == before:
            draft.complain(place, _own_words(error))
        return None


def _described(kind: Any) -> inspect.Type:  # noqa: ANN401 - any type
    # Annotations cannot always be hashed; those are short to describe.
    return _of_class(kind) if isinstance(kind, type) else inspect.type_info(kind)


@lru_cache(maxsize=DESCRIBED)
def _of_class(kind: type) -> inspect.Type:
    """Describe a class. That takes as long as to find ten faults by it."""
    return inspect.type_info(kind)


def salvage(value: Any, kind: type[msgspec.Struct]) -> dict[str, Any]:  # noqa: ANN401 - any data
    """Return the fields of a faulty struct that are right by themselves, converted."""
    made: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if isinstance(value, dict) and field.encode_name in value:
            with suppress(msgspec.ValidationError):
                made[field.name] = units.convert(value[field.encode_name], field.type)
    return made


class _Walker:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def walk(self, place: Place, value: Any, kind: inspect.Type) -> None:  # noqa: ANN401 - any data
        extra = kind.extra if isinstance(kind, inspect.Metadata) else None
        words = (extra or {}).get("expected")
        kind = bare(kind)
        if isinstance(kind, inspect.UnionType):
            self._union(place, value, kind)
        elif not takes(kind, value):
            self._wrong(place, value, expected(kind))
        elif isinstance(kind, inspect.StructType):
            self._struct(place, value, kind)
        elif isinstance(kind, inspect.DictType):
            self._dict(place, value, kind)
        elif isinstance(kind, LISTS):
            self._length(place, len(value), kind, "item")
            for position, item in enumerate(value):
                self.walk((*place, position), item, kind.item_type)
        else:
            self._scalar(place, value, kind, words)

    def _wrong(self, place: Place, value: object, wanted: str) -> None:
        message = f"found {self._draft.show(place, value)}; expected {wanted}"
        if isinstance(value, bool) and _BARE_WORD.search(wanted):
            message += f": an unquoted {_BARE_WORDS[value]} is a boolean; quote it"
        elif "text" in wanted and isinstance(value, int | float):
            message += ": quote it"
        self._draft.complain(place, message)

    def _struct(self, place: Place, value: dict[str, Any], kind: inspect.StructType) -> None:
        before = len(self._draft.faults)
        self._fields(place, value, kind)
        if len(self._draft.faults) == before:
            # Its fields are right one by one; what its own `__post_init__` says is still to come.
            try:
                units.convert(value, kind.cls)
            except msgspec.ValidationError as error:
                fault = error.__cause__
                part = fault.part if isinstance(fault, FieldFault) else ()
                self._draft.complain((*place, *part), _own_words(error))

    def _fields(self, place: Place, value: dict[str, Any], kind: inspect.StructType) -> None:
        fields = {field.encode_name: field for field in kind.fields}
        for name, item in value.items():
            if name in fields:
                self.walk((*place, name), item, fields[name].type)
            else:
                known = f"expected one of {', '.join(f'`{f}`' for f in fields)}"
                found = hint(name, (f for f in fields if f not in value)) or "; " + known
                self._draft.complain((*place, name), f"`{name}` is not a field here{found}")
        for name, field in fields.items():
            if field.required and name not in value:
                wanted = expected(bare(field.type))
                self._draft.complain(place, f"`{name}` is missing; expected {wanted}")

    def _dict(self, place: Place, value: dict[str, Any], kind: inspect.DictType) -> None:
        self._length(place, len(value), kind, "entry")
        for name, item in value.items():
            self.walk((*place, name), name, kind.key_type)
            self.walk((*place, name), item, kind.value_type)

    def _union(self, place: Place, value: object, kind: inspect.UnionType) -> None:
        fitting = [member for member in kind.types if takes(bare(member), value)]
        if not fitting:
            self._wrong(place, value, expected(kind))
            return
        faults = self._draft.faults
        before = len(faults)
        first: list[Fault] | None = None
        for member in fitting:
            self.walk(place, value, member)
            found, faults[before:] = faults[before:], []
            if not found:
                return
            first = first or found
        faults += first or []

    def _scalar(
        self,
        place: Place,
        value: Any,  # noqa: ANN401 - any data
        kind: inspect.Type,
        words: str | None,
    ) -> None:
        if isinstance(kind, inspect.LiteralType) and value not in kind.values:
            found = hint(str(value), (str(v) for v in kind.values))
            message = f"found {self._draft.show(place, value)}; expected {expected(kind)}{found}"
            self._draft.complain(place, message)
        elif isinstance(kind, inspect.StrType):
            self._length(place, len(value), kind, "character")
            if kind.pattern is not None and not re.search(kind.pattern, value):
                self._wrong(place, value, words or f"text like {_readable(kind.pattern)}")
        elif isinstance(kind, inspect.IntType | inspect.FloatType):
            self._bounds(place, value, kind)
        elif isinstance(kind, inspect.DateTimeType):
            try:
                units.convert(value, Annotated[datetime, msgspec.Meta(tz=kind.tz)])
            except msgspec.ValidationError:
                self._wrong(place, value, expected(kind))
        elif isinstance(kind, inspect.CustomType):
            try:
                units.decode_hook(kind.cls, value)
            except ValueError as error:
                self._draft.complain(place, str(error))

    def _bounds(
        self, place: Place, value: float, kind: inspect.IntType | inspect.FloatType
    ) -> None:
        tests = {"ge": value.__ge__, "gt": value.__gt__, "le": value.__le__, "lt": value.__lt__}
        for name, words in _BOUNDS:
            bound = getattr(kind, name)
            if bound is not None and not tests[name](bound):
                self._wrong(place, value, f"{words} {bound}")

    def _length(
        self,
        place: Place,
        length: int,
        kind: Lengthy,
        what: str,
    ) -> None:
        low, high = kind.min_length, kind.max_length
        if (low is None or length >= low) and (high is None or length <= high):
            return
        if low is not None and low == high:
            wanted = f"exactly {_count(low, what)}"
        elif low is not None and length < low:
            wanted = f"at least {_count(low, what)}"
        else:
            wanted = f"at most {_count(high or 0, what)}"
        self._draft.complain(place, f"found {_count(length, what)}; expected {wanted}")


def bare(kind: inspect.Type) -> inspect.Type:
    """Take the description off a type."""
    return bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def takes(kind: inspect.Type, value: object) -> bool:
    """Whether `kind` is the kind of thing that `value` is, be it right in detail or not."""
    if isinstance(kind, inspect.AnyType | inspect.CustomType):
        return True
    if isinstance(kind, inspect.LiteralType):
        return any(type(value) is type(allowed) for allowed in kind.values)
    if isinstance(kind, inspect.FloatType):
        return isinstance(value, int | float) and not isinstance(value, bool)
    wanted = _PYTHON.get(type(kind))
    if wanted is None:
        return True
    return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))


_PYTHON: dict[type[inspect.Type], type] = {
    inspect.NoneType: type(None),
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.StrType: str,
    inspect.ListType: list,
    inspect.SetType: list,
    inspect.FrozenSetType: list,
    inspect.VarTupleType: list,
    inspect.DictType: dict,
    inspect.StructType: dict,
}
_WORDS: dict[type[inspect.Type], str] = {
    inspect.NoneType: "null",
    inspect.BoolType: "`true` or `false`",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.StrType: "text",
    inspect.ListType: "a list",
    inspect.SetType: "a list",
    inspect.FrozenSetType: "a list",
    inspect.VarTupleType: "a list",
    inspect.DictType: "a mapping",
    inspect.DateTimeType: "a time such as `2027-01-31T00:00:00Z`",
    inspect.AnyType: "anything",
}


def expected(kind: inspect.Type) -> str:
    """Say what a type takes, in an operator's words."""
    kind = bare(kind)
    if isinstance(kind, inspect.UnionType):
        return _alternatives([bare(member) for member in kind.types])
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, inspect.StructType):
        required = [f"`{field.encode_name}`" for field in kind.fields if field.required]
        return "a mapping" + (f" with {' and '.join(required)}" if required else "")
    if isinstance(kind, inspect.CustomType):
        return f"a {kind.cls.__name__.lower()}"
    return _WORDS.get(type(kind), "something else")


def _own_words(error: msgspec.ValidationError) -> str:
    """Take the place off a converter's message: it counts from another root than ours."""
    return str(error).partition(" - at `$")[0]


def _alternatives(members: list[inspect.Type]) -> str:
    # `null` is what leaving a field out means; offering it would only confuse.
    shown = [expected(m) for m in members if not isinstance(m, inspect.NoneType)]
    return " or ".join(dict.fromkeys(shown)) or "null"


def _readable(pattern: str) -> str:
    return f"`{pattern.removesuffix('(?!' + chr(92) + 'n)')}`"


def _count(number: int, what: str) -> str:
    plural = what[:-1] + "ies" if what.endswith("y") else what + "s"
    return f"{number} {what if number == 1 else plural}"
