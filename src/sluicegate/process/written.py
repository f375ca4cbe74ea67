"""What a file declares, as it is written there: references intact, secrets left out."""

from __future__ import annotations

from typing import Any

from sluicegate.snapshot.providers import shown
from sluicegate.snapshot.source import read
from sluicegate.snapshot.stored import KINDS


def as_written(source: bytes) -> dict[str, dict[str, Any]]:
    """Return resources by kind and name. Texts behind references are not in it."""
    data = read(source).data
    found: dict[str, dict[str, Any]] = {}
    for section, kind in KINDS.items():
        held = data.get(section) if isinstance(data, dict) else None
        if kind == "policies" and held is not None:
            found[kind] = {"": held}
        elif isinstance(held, dict):
            found[kind] = {name: _shown(kind, value) for name, value in held.items()}
    return found


def _shown(kind: str, value: Any) -> Any:  # noqa: ANN401 - plain data
    if kind == "consumer" and isinstance(value, dict):
        return {field: held for field, held in value.items() if field != "keys"}
    return shown(value) if kind == "provider" else value
