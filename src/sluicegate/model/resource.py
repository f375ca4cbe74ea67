"""What every struct of the configuration has in common."""

from __future__ import annotations

import msgspec


class Resource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen struct that refuses unknown fields. Equal structs are the same configuration."""
