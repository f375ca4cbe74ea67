"""The vendors that are known by name: one file each, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.llm.provider import Provider
    from sluicegate.llm.vendor import Vendor


def kinds() -> tuple[str, ...]:
    """Return the names of all, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def find(kind: str) -> Provider:
    """Return a provider by its kind; its file is loaded on first use. Raises KeyError."""
    if kind not in kinds():
        raise KeyError(kind)
    vendor: Vendor = importlib.import_module(f"{__name__}.{kind}").PROVIDER
    return vendor
