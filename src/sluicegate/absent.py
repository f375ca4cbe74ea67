"""Importing a library without what it would bring along if it could."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def absent(*modules: str) -> Iterator[None]:
    """Let who is imported in the block find `modules` missing, but for those imported before.

    `None` in `sys.modules` is how the import system is told so.
    """
    hidden: dict[str, Any] = {name: None for name in modules if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
