"""Settings from the environment: `SLUICEGATE_` and the setting's path in capitals, joined by `_`.

A value is read as YAML (`SLUICEGATE_GATEWAY_TRUSTED_PROXIES='[10.0.0.0/8]'`), except that a setting
that takes only text gets the text as it is. Names that are no setting are refused, since they are
most often a mistyped one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import inspect

from sluicegate.errors import Fault
from sluicegate.settings import Settings
from sluicegate.snapshot.faults import bare, hint
from sluicegate.snapshot.source import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place

PREFIX = "SLUICEGATE_"
NOT_SETTINGS = frozenset(
    {"SLUICEGATE_CONFIG", "SLUICEGATE_ADMIN_URL", "SLUICEGATE_ADMIN_TOKEN", "SLUICEGATE_ADMIN_CA"}
)
"""`SLUICEGATE_CONFIG` names the configuration file itself; the others are the command line's."""

# Kubernetes gives every pod variables for each Service of its namespace. With a Service called
# `sluicegate` they begin like ours, and must not stop the gateway from starting.
_FROM_KUBERNETES = re.compile(
    r"SLUICEGATE_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT"
    r"|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)\Z"
)


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting's variable: its name, where the setting stands, whether it takes only text."""

    name: str
    place: Place
    text_only: bool


def variables() -> dict[str, Variable]:
    """Return every variable that sets something, by name; groups before what is in them."""
    return {v.name: v for v in _variables(inspect.type_info(Settings), ())}


def apply(draft: Draft, environ: Mapping[str, str]) -> None:
    """Put the environment's settings over the file's."""
    known = variables()
    given = sorted(name for name in environ if name.startswith(PREFIX))
    for name in given:
        if name in known or name in NOT_SETTINGS or _FROM_KUBERNETES.match(name):
            continue
        draft.faults.append(Fault(name, 0, "no setting has this variable" + hint(name, known)))
    # In the order of `known`, so that a member is set after the group that holds it.
    for name, variable in known.items():
        if name in environ:
            _set(draft, variable, environ[name])


def _set(draft: Draft, variable: Variable, text: str) -> None:
    # Python hides what is not UTF-8 in the environment; `read` finds it in the bytes.
    source = read(text.encode(errors="surrogateescape"))
    utf8 = text.isascii() or text.encode(errors="replace").decode() == text
    if source.faults and not (variable.text_only and utf8):
        draft.faults.append(Fault(variable.name, 0, source.faults[0].message))
        return
    value: Any = text if variable.text_only else source.data
    held: Any = draft.data
    for step in variable.place[:-1]:
        inner = held.get(step)
        if not isinstance(inner, dict):
            # Where the file has nothing, or `null`, for the group; anything else is its own fault.
            if inner is not None:
                return
            inner = held[step] = {}
        held = inner
    held[variable.place[-1]] = value
    draft.override(variable.place, variable.name)


def _variables(kind: inspect.Type, place: Place) -> Iterator[Variable]:
    if place:
        parts = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
        plain = (inspect.StrType, inspect.CustomType, inspect.LiteralType)
        name = PREFIX + "_".join(str(step) for step in place).upper()
        yield Variable(name, place, all(isinstance(part, plain) for part in parts))
    for struct in _structs(kind):
        for field in struct.fields:
            yield from _variables(bare(field.type), (*place, field.encode_name))


def _structs(kind: inspect.Type) -> list[inspect.StructType]:
    parts = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return [part for part in map(bare, parts) if isinstance(part, inspect.StructType)]
