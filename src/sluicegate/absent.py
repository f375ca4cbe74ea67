"""Importing a library without what it would bring along if it could."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def absent(module: str) -> Iterator[None]:
    """Let who is imported in the block find `module` missing, unless it has been imported before.

    `None` in `sys.modules` is how the import system is told so.
    """
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
