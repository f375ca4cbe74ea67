"""Whom a limit counts: the part of a request that tells one subject from another.

Each file here is one way to tell, found by its name. It holds `FORMS`, how it is written in `by`,
and `subject(rest)`, which compiles what is written behind its name (empty, `:x-tenant`, `/24,56`)
or raises ValueError. A subject is text without secrets that is never empty: it goes into keys of
the state.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from sluicegate.model.resource import FieldFault

if TYPE_CHECKING:
    from types import ModuleType

    from sluicegate.exchange import Exchange

Subject = Callable[["Exchange"], str]

WRITTEN = re.compile(r"^([a-z_]+)(.*)$(?!\n)", re.ASCII)
BETWEEN = "\x1f"
"""Cannot be in what subjects return, so no two combinations read the same."""


def subject_of(by: str | Sequence[str]) -> Subject:
    """Compile `by` to a function. Several kinds make one subject: every combination is counted.

    Raises FieldFault that names the kinds there are, at `by` or at an item of it.
    """
    if isinstance(by, str):
        return _compile(by, ("by",))
    parts = [_compile(kind, ("by", place)) for place, kind in enumerate(by)]
    if not parts:
        raise FieldFault(("by",), f"`by` is empty: write {_forms()}")
    for place, kind in enumerate(by):
        if kind in by[:place]:
            raise FieldFault(("by", place), f"`{kind}` is there more than once: write it once")
    if len(parts) == 1:
        return parts[0]
    return lambda exchange: BETWEEN.join([part(exchange) for part in parts])


def written(by: str | Sequence[str]) -> str:
    """Return `by` as one text, by which the places of counts are told apart."""
    return (by if isinstance(by, str) else ",".join(by)).lower()


def _compile(kind: str, place: tuple[str | int, ...]) -> Subject:
    match = WRITTEN.match(kind)
    if match is None or match[1] not in _names():
        raise FieldFault(place, f"`{kind}` is nobody to count by: write {_forms()}")
    try:
        compiled: Subject = _module(match[1]).subject(match[2])
    except ValueError as error:
        raise FieldFault(place, f"`{kind}` is nobody to count by: {error}") from error
    return compiled


@cache
def _names() -> list[str]:
    """List the files here, once: there may be a limit on each of 10 000 routes."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")


def _forms() -> str:
    forms = [str(_module(name).FORMS) for name in _names()]
    return f"{', '.join(forms[:-1])} or {forms[-1]}"
