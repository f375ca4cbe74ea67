"""A document of many resources: what `apply` is sent, as contents by kind and name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from sluicegate.admin import specs
from sluicegate.admin.problems import Invalid
from sluicegate.admin.representation import APPLIED, SECTIONS, SOLE
from sluicegate.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluicegate.admin.control import Control

KINDS: Final = {SECTIONS[kind]: kind for kind in APPLIED}
"""Kinds by the sections that a document may have."""


class Applied(NamedTuple):
    """What is to be: canonical contents by kind and name, of the `kinds` that were given."""

    contents: Mapping[tuple[str, str], bytes]
    kinds: frozenset[str]
    prune: bool


class _Body(msgspec.Struct):
    resources: dict[str, msgspec.Raw]
    prune: bool = False


def applied(control: Control, body: bytes) -> Applied:
    """Read a body. Raises Invalid with every fault of every resource. May be called in a thread."""
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Invalid([Fault("", 0, "expected an object with `resources`, by section")]) from error
    contents: dict[tuple[str, str], bytes] = {}
    faults: list[Fault] = []
    for section, raw in read.resources.items():
        try:
            for kind, name, spec in _of_section(section, bytes(raw)):
                try:
                    specs.check_name(kind, name)
                    contents[kind, name] = specs.canonical(control, kind, name, spec)
                except Invalid as error:
                    faults += error.faults
        except Invalid as error:
            faults += error.faults
    if faults:
        raise Invalid(faults)
    given = frozenset(KINDS[section] for section in read.resources)
    return Applied(contents, given, read.prune)


def _of_section(section: str, raw: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Yield kind, name and JSON of each resource of a section."""
    kind = KINDS.get(section)
    if kind is None:
        message = f"`{section}` cannot be applied; expected one of {', '.join(KINDS)}"
        raise Invalid([Fault(section, 0, message)])
    if kind == "policies":
        yield kind, SOLE, raw
        return
    try:
        named = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Invalid([Fault(section, 0, "expected a mapping by name")]) from error
    for name, spec in named.items():
        yield kind, name, bytes(spec)
