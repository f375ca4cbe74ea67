"""A document of many resources: what `apply` is sent, as contents by kind and name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sluicegate.admin import specs
from sluicegate.admin.problems import Invalid
from sluicegate.admin.representation import APPLIED, SECTIONS, SOLE
from sluicegate.errors import Fault
from sluicegate.snapshot.draft import MOST

if TYPE_CHECKING:
    from sluicegate.admin.control import Control

KINDS: Final = {SECTIONS[kind]: kind for kind in APPLIED}
"""Kinds by the sections that a document may have."""


class Applied(NamedTuple):
    """What is to be: canonical contents by kind and name, of the `kinds` that were given."""

    contents: Mapping[tuple[str, str], bytes]
    kinds: frozenset[str]
    prune: bool


def applied(control: Control, resources: Mapping[str, Any], *, prune: bool = False) -> Applied:
    """Read plain data by section. Raises Invalid with every fault of every resource.

    After MOST faults the rest is not looked at. May be called in a thread.
    """
    contents: dict[tuple[str, str], bytes] = {}
    faults: list[Fault] = []
    for kind, name, spec in _each(resources, faults):
        try:
            specs.check_name(kind, name)
            contents[kind, name] = specs.canonical(control, kind, name, spec)
        except Invalid as error:
            faults += error.faults
        if len(faults) > MOST:
            break
    if faults:
        raise Invalid(faults)
    return Applied(contents, frozenset(KINDS[section] for section in resources), prune)


def _each(resources: Mapping[str, Any], faults: list[Fault]) -> Iterator[tuple[str, str, Any]]:
    """Yield kind, name and plain data of each resource; note what is wrong with sections."""
    for section, held in resources.items():
        kind = KINDS.get(section)
        if kind is None:
            message = f"`{section}` cannot be applied; expected one of {', '.join(KINDS)}"
            faults.append(Fault(section, 0, message))
        elif kind == "policies":
            yield kind, SOLE, held
        elif isinstance(held, dict):
            for name, spec in held.items():
                yield kind, name, spec
        else:
            faults.append(Fault(section, 0, "expected a mapping by name"))
