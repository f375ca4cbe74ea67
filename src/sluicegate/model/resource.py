"""What every struct of the configuration has in common."""

from __future__ import annotations

import msgspec


class Resource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen struct that refuses unknown fields. Equal structs are the same configuration."""


class FieldFault(ValueError):
    """A struct's own check found a field at fault. `part` are the steps to it, from the struct."""

    def __init__(self, part: tuple[str | int, ...], message: str) -> None:
        """Say what is wrong with which field."""
        super().__init__(message)
        self.part = part
