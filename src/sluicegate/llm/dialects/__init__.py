"""Wire formats, one module or package each; each holds `DIALECT`."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from sluicegate.llm.dialect import Dialect

NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


def find(name: str) -> Dialect:
    """Return a dialect, imported on first use. Raises KeyError: there is none of this name."""
    module = f"{__name__}.{name}"
    if not NAME.fullmatch(name) or find_spec(module) is None:
        raise KeyError(name)
    return cast("Dialect", import_module(module).DIALECT)


def names() -> list[str]:
    """Return the names of all dialects, none imported."""
    return sorted(module.name for module in iter_modules(__path__))
